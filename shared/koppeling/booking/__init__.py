"""What an order means in the books: pure, without I/O, without a clock."""
