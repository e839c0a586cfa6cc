package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	pumpLimit = 64 << 10  // a writer waits while this much has not been written
	heldLimit = 256 << 10 // while held, older output is dropped beyond this
	drainTime = 2 * time.Second
)

// pump writes in the background, so that the guest pays for host output once in
// a while and not for each byte. The host's first error ends it.
type pump struct {
	mu   sync.Mutex
	cond *sync.Cond
	buf  []byte
	held bool
	end  bool
	err  error
	last byte // last byte written
	done chan struct{}
	to   io.Writer
	fail func(error)
}

// newPump starts a pump; fail, if set, hears of the host's error.
func newPump(to io.Writer, fail func(error)) *pump {
	p := &pump{to: to, fail: fail, done: make(chan struct{}), last: '\n'}
	p.cond = sync.NewCond(&p.mu)
	go p.run()
	return p
}

// Write queues b. It never fails: an error of the host is fail's to handle.
func (p *pump) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.buf) >= pumpLimit && !p.held && !p.end && p.err == nil {
		p.cond.Wait()
	}
	if p.end || p.err != nil {
		return len(b), nil
	}
	p.buf = append(p.buf, b...)
	if over := len(p.buf) - heldLimit; p.held && over > 0 {
		p.buf = append(p.buf[:0], p.buf[over:]...)
	}
	p.cond.Broadcast()
	return len(b), nil
}

func (p *pump) run() {
	defer close(p.done)
	var spare []byte
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for (len(p.buf) == 0 || p.held) && !p.end {
			p.cond.Wait()
		}
		if len(p.buf) == 0 {
			return
		}
		chunk := p.buf
		p.buf = spare[:0]
		p.mu.Unlock()
		_, err := p.to.Write(chunk)
		p.mu.Lock()
		p.last, spare = chunk[len(chunk)-1], chunk
		p.cond.Broadcast()
		if err != nil {
			p.err, p.buf = err, nil
			if p.fail != nil {
				p.mu.Unlock()
				p.fail(err)
				p.mu.Lock()
			}
			return
		}
	}
}

// hold keeps output back while somebody else has the terminal.
func (p *pump) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = on
	p.cond.Broadcast()
}

// close writes what is left, for as long as a patient user would wait.
func (p *pump) close() {
	p.mu.Lock()
	p.end, p.held = true, false
	p.cond.Broadcast()
	p.mu.Unlock()
	select {
	case <-p.done:
	case <-time.After(drainTime):
	}
}

// midLine reports whether the output ended within a line.
func (p *pump) midLine() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last != '\n'
}

// outFile is a file that output goes to. It is opened in two steps, so that a
// run that does not come about neither leaves a file nor empties one.
type outFile struct {
	what, path string
	file       *os.File
	created    bool
}

// openOut opens the file without changing it.
func openOut(what, path string) (*outFile, error) {
	o := &outFile{what: what, path: path}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if o.created = err == nil; errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, o.error(err)
	}
	o.file = f
	return o, nil
}

// error says what to do about an error of the host.
func (o *outFile) error(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return configf("%s %s: the folder %s does not exist; make it first", o.what, o.path, filepath.Dir(o.path))
	case errors.Is(err, fs.ErrPermission):
		return configf("%s %s: permission denied; choose a place you may write to", o.what, o.path)
	}
	if st, e := os.Stat(o.path); e == nil && st.IsDir() {
		return configf("%s %s: is a directory; name a file in it", o.what, o.path)
	}
	return hostf("%s %s: %w; choose another file", o.what, o.path, pathless(err))
}

// commit empties the file; from now on it is the run's.
func (o *outFile) commit() error {
	if st, err := o.file.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil
	}
	if err := o.file.Truncate(0); err != nil {
		return o.error(err)
	}
	return nil
}

// abandon undoes openOut.
func (o *outFile) abandon() {
	o.file.Close()
	if o.created {
		os.Remove(o.path)
	}
}
