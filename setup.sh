#!/bin/sh
# Makes sure that what the build needs is there, or the tests, or the comparison with Kafka Streams: installs it where
# the user is root on Debian or Ubuntu, and otherwise names it once, with the command that installs it.
# usage: setup.sh build|test|bench
set -eu
what=${1:-build}
packages=""
need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

need cc gcc
need make make
need git git
# The TLS library's assembler sources are built with cmake where no prebuilt ones fit.
need cmake cmake
# OpenSSL, for TLS to Kafka brokers, is configured by a Perl script.
need perl perl
if [ "$what" = test ]; then
	# The real database of the billing tests; Debian keeps initdb out of PATH.
	if ! command -v initdb >/dev/null 2>&1 && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
		packages="$packages postgresql"
	fi
	# Real Kafka: a Java program that Maven fetches.
	need java default-jre-headless
	need mvn maven
	# Certificates for a broker that asks for them.
	need openssl openssl
	# promtool checks the rules that the hub writes, and runs them on made-up series.
	need promtool prometheus
	# amtool checks the example for Alertmanager.
	need amtool prometheus-alertmanager
fi

if [ "$what" = bench ]; then
	# The program in Kafka Streams is compiled, with what Maven fetches.
	need javac default-jdk-headless
	need mvn maven
fi

if [ -n "$packages" ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		echo "setup: installing$packages" >&2
		apt-get update -qq
		# Programs are wanted, not services: none is started, where nothing else decides on that.
		policy=/usr/sbin/policy-rc.d
		if [ "$what" = test ] && [ ! -e "$policy" ]; then
			printf '#!/bin/sh\nexit 101\n' >"$policy"
			chmod +x "$policy"
			trap 'rm -f "$policy"' EXIT
		fi
		# shellcheck disable=SC2086 # a list of packages
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
	else
		echo "setup: missing:$packages" >&2
		echo "setup: install with: sudo apt-get install$packages" >&2
		exit 1
	fi
fi

if ! command -v cargo >/dev/null 2>&1; then
	echo "setup: cargo is missing: install Rust 1.95 or newer from https://rustup.rs" >&2
	exit 1
fi
