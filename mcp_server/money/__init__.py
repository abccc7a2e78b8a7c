"""What requests cost: the price table, the ledger read for people and programs, and budgets."""
