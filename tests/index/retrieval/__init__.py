"""How well the embedded index finds: questions about this project, and the lines that answer them."""
