package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socket listens on a Unix-domain socket for one client at a time: the far end
// of a serial port or of a monitor. Output without a client is lost.
type socket struct {
	what   string
	path   string
	l      *net.UnixListener
	mu     sync.Mutex
	client net.Conn
}

// clientPatience is how long a client may read nothing before it is dropped: a
// guest must not hang on it.
const clientPatience = time.Second

// listen makes the socket. One that a dead process left behind is replaced.
func listen(what, path string) (*socket, error) {
	fail := func(format string, a ...any) (*socket, error) {
		return nil, configf("%s unix:%s: %w", what, path, fmt.Errorf(format, a...))
	}
	if len(path) > 100 {
		return fail("the name has %d characters, a socket's at most 100; choose a shorter one", len(path))
	}
	if st, err := os.Lstat(path); err == nil {
		if st.Mode().Type() != fs.ModeSocket {
			return fail("the file exists and is not a socket; choose another name")
		}
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
			return fail("another process listens there; choose another name")
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("the folder does not exist; make it first")
	case errors.Is(err, fs.ErrPermission):
		return fail("permission denied; choose a place you may write to")
	case err != nil:
		var oe *net.OpError
		if errors.As(err, &oe) {
			err = oe.Err
		}
		return nil, hostf("%s unix:%s: %w; choose another name", what, path, err)
	}
	return &socket{what: what, path: path, l: l}, nil
}

// serve hands each client to talk, one after the other, until close.
func (s *socket) serve(talk func(net.Conn)) {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.client = c
		s.mu.Unlock()
		talk(c)
		s.mu.Lock()
		s.client = nil
		s.mu.Unlock()
		c.Close()
	}
}

// Write sends to the client, if there is one. It never fails.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	c := s.client
	s.mu.Unlock()
	if c != nil {
		_ = c.SetWriteDeadline(time.Now().Add(clientPatience))
		if _, err := c.Write(p); err != nil {
			c.Close()
		}
	}
	return len(p), nil
}

// close disconnects the client and removes the socket.
func (s *socket) close() {
	s.l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.Close()
	}
}

// readTo passes what r delivers to f until it ends.
func readTo(r interface{ Read([]byte) (int, error) }, f func([]byte)) {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			f(buf[:n])
		}
		if err != nil {
			return
		}
	}
}
