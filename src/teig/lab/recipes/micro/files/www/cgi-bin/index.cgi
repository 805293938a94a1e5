#!/bin/sh
# The first page: who answers.
. /lib/cgi.sh
text
echo "Hello from $(hostname)."
