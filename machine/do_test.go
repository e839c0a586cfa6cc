package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDoWhileRunBegins: what was asked for after Run has taken the lock and before it looks at
// the queue is done in Run, not behind it.
func TestDoWhileRunBegins(t *testing.T) {
	m, err := New(Config{Memory: 16 << 20, Accel: "interp"})
	require.NoError(t, err)
	m.mu.Lock()
	done := make(chan struct{})
	go func() { m.Do(func() {}); close(done) }()
	time.Sleep(10 * time.Millisecond)
	m.setLooping(true)
	require.Eventually(t, m.queued.Load, 10*time.Second, time.Millisecond)
	m.serveQueue()
	<-done
	m.setLooping(false)
	m.mu.Unlock()
	require.NoError(t, m.Close())
}
