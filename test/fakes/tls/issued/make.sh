#!/bin/sh
# Makes the certificates of this folder again, with OpenSSL 3: sh make.sh
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# issue NAME SUBJECT-ALTERNATIVE-NAMES START END
issue() {
  key "$1-key.pem"
  openssl req -new -key "$1-key.pem" -subj "/CN=$1" -out "$work/$1.csr"
  printf 'subjectAltName=%s\n' "$2" > "$work/$1.ext"
  openssl ca -batch -notext -config "$work/ca.cnf" -in "$work/$1.csr" -extfile "$work/$1.ext" \
    -startdate "$3" -enddate "$4" -out "$1-cert.pem" 2> "$work/log" || { cat "$work/log"; exit 1; }
}

key "$work/ca-key.pem"
openssl req -x509 -new -key "$work/ca-key.pem" -subj '/CN=Test CA' -days 36500 \
  -addext 'basicConstraints=critical,CA:TRUE' -out ca-cert.pem
: > "$work/index.txt"
echo 1000 > "$work/serial"
cat > "$work/ca.cnf" <<EOF
[ca]
default_ca = test
[test]
database = $work/index.txt
serial = $work/serial
new_certs_dir = $work
certificate = ca-cert.pem
private_key = $work/ca-key.pem
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
EOF

issue good 'DNS:agents.example.com,DNS:registry.example.com,DNS:localhost,IP:127.0.0.1' 20250101000000Z 21250101000000Z
issue expired 'DNS:agents.example.com,DNS:localhost,IP:127.0.0.1' 20240101000000Z 20250101000000Z
issue other-host 'DNS:other.example.com' 20250101000000Z 21250101000000Z
