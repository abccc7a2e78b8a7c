"""The Responses API over HTTP: OpenAI itself and whoever speaks the same, told apart by a profile."""
