# Functions of the CGI scripts beside this file: arguments, answers, the clock.

# Print one whole-number argument of the query, or the default; outside its limits it ends the request.
argument() { # NAME DEFAULT LOWEST HIGHEST
	local value
	value=$(echo "&$QUERY_STRING" | sed -n "s/.*&$1=\([^&]*\).*/\1/p")
	[ -n "$value" ] || value=$2
	case $value in
	*[!0-9]* | ???????????*) value= ;;
	esac
	if [ -z "$value" ] || [ "$value" -lt "$3" ] || [ "$value" -gt "$4" ]; then
		return 1
	fi
	echo "$value"
}

refuse() { # SENTENCE
	printf 'HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n%s\n' "$1"
	exit 0
}

json() { # TEXT
	printf 'Content-Type: application/json\r\n\r\n%s\n' "$1"
}

text() {
	printf 'Content-Type: text/plain\r\n\r\n'
}

# Set `now` to hundredths of seconds since boot, without starting a process.
clock() {
	local up
	read -r up _ </proc/uptime
	now=${up%.*}${up#*.}
}

seconds() { # FROM TO, in hundredths
	echo "$(($2 - $1))" | awk '{ printf "%.2f", $1 / 100 }'
}
