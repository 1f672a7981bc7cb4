// Command check lets golang.org/x/mod/sumdb judge a log of ours, and makes a log for us to judge.
//
//	check log DIR VKEY OLD...    a published log: note, every tile, every entry, inclusion, consistency from sizes OLD
//	check note FILE VKEY         one signed note
//	check vectors FILE FILE      inclusion and consistency vectors: which of them hold
//	check make DIR SIZE          a log of its own: tiles, checkpoint, vkey, proofs
//
// The answer is JSON on standard output.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// pathOf is the C2SP path of a tile: sumdb names the height too, and calls bundles "data".
func pathOf(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), "tile/8/")
	return "tile/" + strings.Replace(p, "data/", "entries/", 1)
}

// folder reads tiles from a directory, the full one where the partial one was removed.
type folder struct{ dir string }

func (f folder) Height() int                         { return height }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (f folder) read(t tlog.Tile) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(f.dir, pathOf(t)))
	if errors.Is(err, os.ErrNotExist) && t.W < 1<<height {
		full := t
		full.W = 1 << height
		data, err = os.ReadFile(filepath.Join(f.dir, pathOf(full)))
		if err == nil && t.L >= 0 {
			data = data[:t.W*tlog.HashSize]
		}
	}
	return data, err
}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, 0, len(tiles))
	for _, t := range tiles {
		data, err := f.read(t)
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func checkpoint(text string) (string, tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", tlog.Tree{}, fmt.Errorf("not a checkpoint: %q", text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return lines[0], tlog.Tree{N: size, Hash: root}, err
}

func open(path, vkey string) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", err
	}
	signed, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return "", err
	}
	return opened.Text, nil
}

func entries(data []byte) ([][]byte, error) {
	var found [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, errors.New("a bundle ends inside an entry")
		}
		n := 2 + int(binary.BigEndian.Uint16(data))
		found = append(found, data[2:n])
		data = data[n:]
	}
	return found, nil
}

func judgeLog(dir, vkey string, olds []string) (map[string]any, error) {
	text, err := open(filepath.Join(dir, "checkpoint"), vkey)
	if err != nil {
		return nil, err
	}
	origin, tree, err := checkpoint(text)
	if err != nil {
		return nil, err
	}
	files := folder{dir}
	reader := tlog.TileHashReader(tree, files) // authenticates every tile that it reads against the signed root
	leaves := make([]int64, tree.N)
	for i := range leaves {
		leaves[i] = tlog.StoredHashIndex(0, int64(i))
	}
	hashes, err := reader.ReadHashes(leaves)
	if err != nil {
		return nil, fmt.Errorf("tiles: %w", err)
	}
	for first := int64(0); first < tree.N; first += 1 << height {
		width := min64(tree.N-first, 1<<height)
		data, err := files.read(tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)})
		if err != nil {
			return nil, err
		}
		found, err := entries(data)
		if err != nil || int64(len(found)) < width {
			return nil, fmt.Errorf("bundle %d: %d entries, %w", first>>height, len(found), err)
		}
		for i, entry := range found[:width] {
			if tlog.RecordHash(entry) != hashes[first+int64(i)] {
				return nil, fmt.Errorf("entry %d is not the one of the tree", first+int64(i))
			}
		}
	}
	for _, index := range []int64{0, tree.N / 3, tree.N / 2, tree.N - 1} {
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hashes[index]); err != nil {
			return nil, err
		}
	}
	roots := map[string]string{}
	for _, old := range olds {
		size, err := strconv.ParseInt(old, 10, 64)
		if err != nil {
			return nil, err
		}
		root, err := tlog.TreeHash(size, reader)
		if err != nil {
			return nil, err
		}
		proof, err := tlog.ProveTree(tree.N, size, reader)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, size, root); err != nil {
			return nil, err
		}
		roots[old] = root.String()
	}
	return map[string]any{"origin": origin, "size": tree.N, "root": tree.Hash.String(), "roots": roots}, nil
}

func min64(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

type vector struct {
	Index, Size, Old, New json.Number
	Leaf, Root            []byte
	OldRoot               []byte `json:"old_root"`
	NewRoot               []byte `json:"new_root"`
	Proof                 [][]byte
}

func hashOf(data []byte) (tlog.Hash, bool) {
	var h tlog.Hash
	return h, copy(h[:], data) == len(data) && len(data) == tlog.HashSize
}

func number(n json.Number) int64 {
	value, err := n.Int64()
	if err != nil {
		return -1
	}
	return value
}

func (v vector) holds(inclusion bool) bool {
	var proof []tlog.Hash
	for _, step := range v.Proof {
		h, ok := hashOf(step)
		if !ok {
			return false // a type of 32 bytes can not hold it
		}
		proof = append(proof, h)
	}
	if inclusion {
		leaf, _ := hashOf(v.Leaf)
		root, _ := hashOf(v.Root)
		return number(v.Size) > 0 && tlog.CheckRecord(proof, number(v.Size), root, number(v.Index), leaf) == nil
	}
	before, _ := hashOf(v.OldRoot)
	after, _ := hashOf(v.NewRoot)
	return tlog.CheckTree(proof, number(v.New), after, number(v.Old), before) == nil
}

func judgeVectors(paths []string) ([][]bool, error) {
	var all [][]bool
	for at, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var cases []vector
		if err := json.Unmarshal(data, &cases); err != nil {
			return nil, err
		}
		found := []bool{}
		for _, one := range cases {
			found = append(found, one.holds(at == 0))
		}
		all = append(all, found)
	}
	return all, nil
}

// seed is randomness that is none: the log that is made is the same each time.
type seed struct{ n byte }

func (s *seed) Read(p []byte) (int, error) {
	for i := range p {
		s.n++
		p[i] = s.n
	}
	return len(p), nil
}

type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = m[index]
	}
	return found, nil
}

func write(dir string, t tlog.Tile, data []byte) error {
	path := filepath.Join(dir, pathOf(t))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func texts(proof []tlog.Hash) []string {
	found := []string{}
	for _, h := range proof {
		found = append(found, base64.StdEncoding.EncodeToString(h[:]))
	}
	return found
}

func makeLog(dir string, size int64) (map[string]any, error) {
	var stored memory
	var all [][]byte
	for i := int64(0); i < size; i++ {
		entry := []byte(fmt.Sprintf("go entry %d %x", i, sha256.Sum256([]byte(strconv.FormatInt(i, 10)))))
		hashes, err := tlog.StoredHashes(i, entry, stored)
		if err != nil {
			return nil, err
		}
		stored = append(stored, hashes...)
		all = append(all, entry)
	}
	for _, t := range tlog.NewTiles(height, 0, size) {
		data, err := tlog.ReadTileData(t, stored)
		if err != nil {
			return nil, err
		}
		if err := write(dir, t, data); err != nil {
			return nil, err
		}
		if t.L != 0 {
			continue
		}
		var bundle []byte
		for _, entry := range all[t.N<<height : t.N<<height+int64(t.W)] {
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...)
		}
		t.L = -1
		if err := write(dir, t, bundle); err != nil {
			return nil, err
		}
	}
	root, err := tlog.TreeHash(size, stored)
	if err != nil {
		return nil, err
	}
	secret, vkey, err := note.GenerateKey(&seed{}, "go.example/log")
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("go.example/log\n%d\n%s\n", size, root)}, signer)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "checkpoint"), signed, 0o644); err != nil {
		return nil, err
	}
	included, grown := map[string][]string{}, map[string]any{}
	for _, n := range []int64{1, 2, 3, 255, 256, 257, size - 1, size} {
		if n < 1 || n > size {
			continue
		}
		record, err := tlog.ProveRecord(size, n-1, stored)
		if err != nil {
			return nil, err
		}
		included[strconv.FormatInt(n-1, 10)] = texts(record)
		tree, err := tlog.ProveTree(size, n, stored)
		if err != nil {
			return nil, err
		}
		old, err := tlog.TreeHash(n, stored)
		if err != nil {
			return nil, err
		}
		grown[strconv.FormatInt(n, 10)] = map[string]any{"root": old.String(), "proof": texts(tree)}
	}
	return map[string]any{"vkey": vkey, "root": root.String(), "inclusion": included, "consistency": grown}, nil
}

func run(arguments []string) (any, error) {
	what, rest := arguments[0], arguments[1:]
	switch {
	case what == "log" && len(rest) >= 2:
		found, err := judgeLog(rest[0], rest[1], rest[2:])
		if err != nil {
			return map[string]any{"ok": false, "error": err.Error()}, nil
		}
		found["ok"] = true
		return found, nil
	case what == "note" && len(rest) == 2:
		text, err := open(rest[0], rest[1])
		return map[string]any{"ok": err == nil, "text": text}, nil
	case what == "vectors" && len(rest) == 2:
		return judgeVectors(rest)
	case what == "make" && len(rest) == 2:
		size, err := strconv.ParseInt(rest[1], 10, 64)
		if err != nil {
			return nil, err
		}
		return makeLog(rest[0], size)
	}
	return nil, errors.New("see the head of main.go")
}

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	found, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
