package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"g86/devices/disk"
	"g86/machine"
	"g86/machine/image"
)

// The boot cache (docs/snapshots.md): the state after a finished boot, kept as a
// snapshot under a key of everything that the boot depends on. The key covers the
// executable itself and size, time and identity of every file, so that an entry is
// never stale: when anything changes, another key is asked for.

const (
	cacheEntries  = 8 // the least recently used go first
	bootPoll      = 50 * time.Millisecond
	bootIdle      = 2 * time.Second // of guest time that the guest must have been idle
	bootBusyShare = 20              // idle is less than one part in so many
	tailMax       = 4 << 10
)

// bootCache is the cache as one run sees it.
type bootCache struct {
	path  string // of the entry
	until string // boot is finished when the guest has said this; "": when it is idle
	notes io.Writer

	mu   sync.Mutex
	tail []byte // the last the guest said on its first serial port
	seen bool   // it said until
}

// keyed is what a boot depends on.
type keyed struct {
	Config  machine.Config
	RTC     *time.Time // if it was said
	Until   string
	Files   []keyedFile
	Program string // SHA-256 of this executable
}

type keyedFile struct {
	Path string
	Size int64
	Time int64 // nanoseconds
	ID   string
}

// newBootCache works out the entry of a guest. Images that the guest would write to
// change with every run and cannot be cached.
func newBootCache(o *runOpts, notes io.Writer) (*bootCache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, configf("--boot-cache: there is no folder for it: %w; set XDG_CACHE_HOME", err)
	}
	dir = filepath.Join(dir, "g86", "boot")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, configf("--boot-cache: %s: %w; set XDG_CACHE_HOME to a folder that can be written to", dir, pathless(err))
	}
	key, err := bootKey(o)
	if err != nil {
		return nil, err
	}
	return &bootCache{path: filepath.Join(dir, key+".snap"), until: o.bootDone, notes: notes}, nil
}

func bootKey(o *runOpts) (string, error) {
	c := o.cfg
	k := keyed{Until: o.bootDone}
	if o.isSet("rtc") {
		k.RTC = &c.RTC
	}
	add := func(path string) error {
		st, err := os.Stat(path)
		if err != nil {
			return configf("--boot-cache: %s: %w", path, pathless(err))
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return configf("--boot-cache: %s: %w", path, err)
		}
		k.Files = append(k.Files, keyedFile{abs, st.Size(), st.ModTime().UnixNano(), fileID(st)})
		return nil
	}
	paths := []string{c.Kernel, c.Initrd, c.BIOS, c.VGABIOS, c.Image}
	for _, m := range c.Modules {
		path, _, _ := strings.Cut(m, " ")
		paths = append(paths, path)
	}
	for _, spec := range append(append(append([]string(nil), c.Disks...), c.CDROMs...), c.Floppies...) {
		path, opts, err := disk.ParseSpec(spec)
		if err != nil {
			return "", usagef("%w", err)
		}
		if !opts.Snapshot && !opts.ReadOnly && !known(c.CDROMs, spec) {
			return "", usagef("--boot-cache: the guest writes to %s, so no boot is like the one before; add ,snapshot=on", path)
		}
		paths = append(paths, path)
	}
	if c.Image != "" {
		if kind, err := image.Detect(c.Image); err == nil && (kind == image.Disk || kind == image.Floppy) {
			return "", usagef("--boot-cache: the guest writes to %s, so no boot is like the one before; write %s,snapshot=on", c.Image, c.Image)
		}
	}
	for _, p := range paths {
		if p == "" {
			continue
		}
		if err := add(p); err != nil {
			return "", err
		}
	}
	var err error
	if k.Program, err = executableHash(); err != nil {
		return "", configf("--boot-cache: this program cannot be read: %w", err)
	}
	// The host's side does not matter to the guest.
	c.Accel, c.Switches, c.LogItems, c.LogWriter, c.Parallel, c.RTC = "", nil, nil, nil, nil, time.Time{}
	c.Serial = [4]machine.SerialConfig{}
	c.DebugCon = nil
	for _, port := range ports(o.debugcon) {
		k.Files = append(k.Files, keyedFile{Path: fmt.Sprintf("debugcon %#x", port)})
	}
	k.Config = c
	b, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

func executableHash() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// open returns the entry, nil if there is none or it is not sound: then it is taken
// away and the guest boots.
func (b *bootCache) open() *machine.Snapshot {
	if _, err := os.Stat(b.path); err != nil {
		return nil
	}
	s, err := machine.OpenSnapshot(b.path)
	if err == nil {
		if err = s.Verify(); err == nil {
			now := time.Now()
			_ = os.Chtimes(b.path, now, now) // it was used
			return s
		}
		_ = s.Close()
	}
	fmt.Fprintf(b.notes, "g86: boot cache: %v; the guest boots\n", err)
	b.remove(b.path)
	return nil
}

func (b *bootCache) remove(path string) {
	_ = os.Remove(path)
	_ = os.Remove(tailOf(path))
}

func tailOf(path string) string { return strings.TrimSuffix(path, ".snap") + ".tail" }

// resumed tells the user, and repeats the line that the guest's console ended with.
func (b *bootCache) resumed(console io.Writer) {
	fmt.Fprintf(b.notes, "g86: boot cache: the guest goes on after its boot\n")
	if tail, err := os.ReadFile(tailOf(b.path)); err == nil && console != nil {
		_, _ = console.Write(tail)
	}
}

// tap watches what the guest says on its way to w.
func (b *bootCache) tap(w io.Writer) io.Writer { return &bootTap{b, w} }

type bootTap struct {
	b *bootCache
	w io.Writer
}

func (t *bootTap) Write(p []byte) (int, error) {
	b := t.b
	b.mu.Lock()
	b.tail = append(b.tail, p...)
	if b.until != "" && strings.Contains(string(b.tail), b.until) {
		b.seen = true
	}
	if over := len(b.tail) - tailMax; over > 0 {
		b.tail = append(b.tail[:0], b.tail[over:]...)
	}
	b.mu.Unlock()
	return t.w.Write(p)
}

// keep waits for the boot to be finished and saves the guest then. over ends the wait.
func (b *bootCache) keep(m *machine.Machine, over <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(bootPoll)
	defer tick.Stop()
	var since, count, now uint64
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		b.mu.Lock()
		done := b.seen
		b.mu.Unlock()
		if b.until == "" {
			var n, ps uint64
			m.Do(func() { now, n, ps = m.Clock().Now(), m.Count(), m.Clock().PsPerInsn() })
			switch busy := (n - count) * ps / 1000; {
			case busy*bootBusyShare > now-since: // not idle since then
				since, count = now, n
			case now-since >= uint64(bootIdle):
				done = true
			}
		}
		if done {
			b.save(m, time.Since(start))
			return
		}
	}
}

func (b *bootCache) save(m *machine.Machine, boot time.Duration) {
	b.mu.Lock()
	tail := b.tail[lastLine(b.tail):]
	err := os.WriteFile(tailOf(b.path), tail, 0o600)
	b.mu.Unlock()
	if err == nil {
		err = m.SaveSnapshot(b.path)
	}
	if err != nil {
		fmt.Fprintf(b.notes, "g86: boot cache: not kept: %v\n", err)
		b.remove(b.path)
		return
	}
	size := int64(0)
	if st, err := os.Stat(b.path); err == nil {
		size = st.Size()
	}
	fmt.Fprintf(b.notes, "g86: boot cache: kept after %.1f s, %d MB; the same command starts here from now on\n", boot.Seconds(), size/1e6)
	b.evict()
}

// lastLine is where the last line of p begins.
func lastLine(p []byte) int { return strings.LastIndexByte(string(p), '\n') + 1 }

// evict removes what was not used for longest.
func (b *bootCache) evict() {
	l, err := filepath.Glob(filepath.Join(filepath.Dir(b.path), "*.snap"))
	if err != nil {
		return
	}
	used := map[string]time.Time{}
	for _, p := range l {
		if st, err := os.Stat(p); err == nil {
			used[p] = st.ModTime()
		}
	}
	sort.Slice(l, func(i, j int) bool { return used[l[i]].After(used[l[j]]) })
	for _, p := range l[min(len(l), cacheEntries):] {
		b.remove(p)
	}
}
