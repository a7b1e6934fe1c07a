#!/bin/sh
# Makes the certificates of this folder anew. Needs OpenSSL 3. Everything in it is public on purpose.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
far='20200101000000Z 21000101000000Z'
past='20200101000000Z 20200102000000Z'

cat > "$work/ca.cnf" <<CNF
[ca]
default_ca = test
[test]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
CNF
: > "$work/index"
echo 1000 > "$work/serial"

# signed NAME "NOT-BEFORE NOT-AFTER" SIGNING-OPTIONS...: a key and a certificate with the extensions in $work/ext
signed() {
  name=$1
  from=${2% *}
  to=${2#* }
  shift 2
  openssl req -new -key "$work/$name-key.pem" -subj "/CN=$name" -out "$work/request"
  openssl ca -batch -notext -config "$work/ca.cnf" -extfile "$work/ext" -startdate "$from" -enddate "$to" \
    -in "$work/request" -out "$name.pem" "$@"
}

kind='EC -pkeyopt ec_paramgen_curve:P-256'
key() { openssl genpkey -algorithm $kind -out "$work/$1-key.pem"; }

# authority NAME: its key is not kept
authority() {
  key "$1"
  printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n' > "$work/ext"
  signed "$1" "$far" -selfsign -keyfile "$work/$1-key.pem"
}

# certificate NAME AUTHORITY USAGE ALTERNATIVE-NAMES "NOT-BEFORE NOT-AFTER"
certificate() {
  key "$1"
  printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=%s\nsubjectAltName=%s\n' "$3" "$4" > "$work/ext"
  signed "$1" "$5" -cert "$2.pem" -keyfile "$work/$2-key.pem"
  cp "$work/$1-key.pem" "$1-key.pem"
}

authority authority
authority other-authority
here=DNS:localhost,IP:127.0.0.1
certificate server authority serverAuth $here "$far"
certificate renewed authority serverAuth $here "$far"
certificate elsewhere authority serverAuth DNS:core.example.com "$far"
certificate expired authority serverAuth $here "$past"
certificate foreign other-authority serverAuth $here "$far"
certificate client authority clientAuth DNS:client "$far"
certificate expired-client authority clientAuth DNS:client "$past"
certificate foreign-client other-authority clientAuth DNS:client "$far"
kind='RSA -pkeyopt rsa_keygen_bits:1024'
certificate weak authority serverAuth $here "$far"
