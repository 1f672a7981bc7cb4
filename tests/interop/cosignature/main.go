// Command cosignature reads and makes C2SP tlog-cosignature v1 lines with golang.org/x/mod/sumdb/note.
//
//	cosignature open FILE VKEY...        the note must verify under every key; answers the witnesses and their times
//	cosignature sign FILE NAME SEED TIME  the line of a witness made here
//
// sumdb/note knows keys of type 1 only; a verifier of type 4 is given to it through its interface.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const cosignature = 4

func keyHash(name string, key ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{cosignature})
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func signed(text []byte, at uint64) []byte {
	return append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", at)), text...)
}

// witness is a note.Verifier of type 4.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	return ed25519.Verify(w.key, signed(text, binary.BigEndian.Uint64(sig)), sig[8:])
}

func verifier(vkey string) (note.Verifier, error) {
	fields := strings.SplitN(vkey, "+", 3)
	if len(fields) != 3 {
		return nil, errors.New("not a verifier key")
	}
	raw, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		return nil, err
	}
	if len(raw) != 1+ed25519.PublicKeySize || raw[0] != cosignature {
		return note.NewVerifier(vkey)
	}
	w := witness{fields[0], keyHash(fields[0], raw[1:]), raw[1:]}
	if fmt.Sprintf("%08x", w.hash) != fields[1] {
		return nil, errors.New("the key id does not fit the key")
	}
	return w, nil
}

func open(file string, vkeys []string) (any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var known []note.Verifier
	for _, vkey := range vkeys {
		v, err := verifier(vkey)
		if err != nil {
			return nil, err
		}
		known = append(known, v)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return map[string]any{"ok": false, "why": err.Error()}, nil
	}
	times := map[string]uint64{}
	for _, sig := range opened.Sigs {
		raw, err := base64.StdEncoding.DecodeString(sig.Base64)
		if err != nil {
			return nil, err
		}
		if len(raw) == 4+8+ed25519.SignatureSize {
			times[sig.Name] = binary.BigEndian.Uint64(raw[4:])
		}
	}
	return map[string]any{
		"ok": len(opened.Sigs) == len(vkeys), "times": times, "unknown": len(opened.UnverifiedSigs),
	}, nil
}

func sign(file, name, seed, at string) (any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(seed)
	if err != nil {
		return nil, err
	}
	when, err := strconv.ParseUint(at, 10, 63)
	if err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(raw)
	public := private.Public().(ed25519.PublicKey)
	line := binary.BigEndian.AppendUint32(nil, keyHash(name, public))
	line = binary.BigEndian.AppendUint64(line, when)
	line = append(line, ed25519.Sign(private, signed(text, when))...)
	return map[string]any{
		"line": "\u2014 " + name + " " + base64.StdEncoding.EncodeToString(line) + "\n",
		"vkey": fmt.Sprintf("%s+%08x+%s", name, keyHash(name, public),
			base64.StdEncoding.EncodeToString(append([]byte{cosignature}, public...))),
	}, nil
}

func run(args []string) (any, error) {
	switch {
	case len(args) > 2 && args[0] == "open":
		return open(args[1], args[2:])
	case len(args) == 5 && args[0] == "sign":
		return sign(args[1], args[2], args[3], args[4])
	}
	return nil, errors.New("open FILE VKEY... | sign FILE NAME SEED TIME")
}

func main() {
	answer, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
