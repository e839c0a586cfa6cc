package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// symbols are names of guest addresses, in order.
type symbols []symbol

type symbol struct {
	at   uint64
	name string
}

// readSymbols reads a table of symbols as nm(1) prints it, which is what a kernel's
// System.map is, too.
func readSymbols(path string) (symbols, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, configf("--symbols %s: %w; check the name", path, pathless(err))
	}
	defer f.Close()
	var l symbols
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		w := strings.Fields(s.Text())
		if len(w) < 2 || len(w) == 2 && len(w[0]) == 1 { // nothing, or an undefined symbol
			continue
		}
		at, err := strconv.ParseUint(w[0], 16, 64)
		if err != nil {
			return nil, configf("--symbols %s: line %d is not `ADDRESS TYPE NAME`; make the file with nm, or take a System.map", path, n)
		}
		l = append(l, symbol{at, w[len(w)-1]})
	}
	if err := s.Err(); err != nil {
		return nil, configf("--symbols %s: %w; make the file with nm, or take a System.map", path, err)
	}
	if len(l) == 0 {
		return nil, configf("--symbols %s: it holds no symbols; make the file with nm, or take a System.map", path)
	}
	sort.SliceStable(l, func(i, j int) bool { return l[i].at < l[j].at })
	return l, nil
}

// name is an address with the symbol before it.
func (l symbols) name(at uint64) string {
	i := sort.Search(len(l), func(i int) bool { return l[i].at > at })
	if i == 0 {
		return fmt.Sprintf("%#x", at)
	}
	s := l[i-1]
	if at == s.at {
		return s.name
	}
	return fmt.Sprintf("%s+%#x", s.name, at-s.at)
}
