"""What server and agent agree on: requests and answers, the types of all arguments, a guest's description."""
