package machine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"g86/cpu"
	"g86/cpu/isa"
)

// logger writes the items chosen with -d, each with the instruction count.
type logger struct {
	out    *slog.Logger
	ioport bool
	reset  bool
}

// startLog connects the log items that Config asks for.
func (m *Machine) startLog() {
	if len(m.cfg.LogItems) == 0 {
		return
	}
	w := m.cfg.LogWriter
	if w == nil {
		w = os.Stderr
	}
	m.log = &logger{out: slog.New(newLogHandler(w)), ioport: contains(m.cfg.LogItems, "ioport"), reset: contains(m.cfg.LogItems, "reset")}
}

// newLogHandler is text without time stamps: the instruction count is the time.
func newLogHandler(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}})
}

// attach hooks a processor up to the log.
func (l *logger) attach(m *Machine, c *cpu.CPU) {
	if contains(m.cfg.LogItems, "int") {
		c.OnException = func(c *cpu.CPU, vector uint8, kind string, code uint32) {
			l.line(m, "int", slog.String("cpu", c.String()), slog.String("kind", kind), slog.Int("vector", int(vector)),
				slog.Uint64("code", uint64(code)))
		}
	}
	if contains(m.cfg.LogItems, "in_asm") || contains(m.cfg.LogItems, "exec") {
		c.Trace = func(c *cpu.CPU, in *cpu.Op) {
			l.line(m, "exec", slog.String("cpu", c.String()), slog.String("insn", isa.Disasm(&in.Inst, c.IP(), isa.Mode(c.Mode()))))
		}
	}
}

func (l *logger) line(m *Machine, item string, attrs ...slog.Attr) {
	l.out.LogAttrs(context.Background(), slog.LevelDebug, item, append([]slog.Attr{slog.Uint64("#", m.Count())}, attrs...)...)
}

func (m *Machine) logReset() {
	if m.log != nil && m.log.reset {
		m.log.line(m, "reset")
	}
}

func (m *Machine) in(b *board, port uint16, size int) uint32 {
	v := m.bus.In(port, size)
	if m.log != nil && m.log.ioport {
		m.log.line(m, "ioport", slog.String("cpu", b.cpu.String()), slog.String("op", "in"), hexAttr("port", uint64(port)), slog.Int("size", size), hexAttr("value", uint64(v)))
	}
	return v
}

func (m *Machine) out(b *board, port uint16, size int, v uint32) {
	if m.log != nil && m.log.ioport {
		m.log.line(m, "ioport", slog.String("cpu", b.cpu.String()), slog.String("op", "out"), hexAttr("port", uint64(port)), slog.Int("size", size), hexAttr("value", uint64(v)))
	}
	m.bus.Out(port, size, v)
}

func hexAttr(key string, v uint64) slog.Attr { return slog.String(key, fmt.Sprintf("%#x", v)) }
