"""The heart: the one path that every paid call takes. Admit, lay out, respond, settle; waiting is optional."""
