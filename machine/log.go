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
			l.line(m, c, "int", slog.String("kind", kind), hexAttr("vector", uint64(vector)), hexAttr("code", uint64(code)))
		}
	}
	for _, item := range []string{"in_asm", "exec"} {
		if contains(m.cfg.LogItems, item) {
			c.Trace = func(c *cpu.CPU, in *cpu.Op) {
				l.line(m, c, item, slog.String("insn", isa.Disasm(&in.Inst, c.IP(), isa.Mode(c.Mode()))))
			}
		}
	}
}

// line writes one line: item, instruction count, the guest's place.
func (l *logger) line(m *Machine, c *cpu.CPU, item string, attrs ...slog.Attr) {
	place := []slog.Attr{slog.Uint64("#", m.Count()), slog.Int("cpu", c.ID), slog.String("at", fmt.Sprintf("%04x:%x", c.State.Seg[cpu.CS].Sel, c.IP()))}
	l.out.LogAttrs(context.Background(), slog.LevelDebug, item, append(place, attrs...)...)
}

func (m *Machine) logReset() {
	if m.log != nil && m.log.reset {
		m.log.line(m, m.cpus[0], "reset")
	}
}

func (m *Machine) in(b *board, port uint16, size int) uint32 {
	v := m.bus.In(port, size)
	if m.log != nil && m.log.ioport {
		m.log.port(b, "in", port, size, v)
	}
	return v
}

func (m *Machine) out(b *board, port uint16, size int, v uint32) {
	if m.log != nil && m.log.ioport {
		m.log.port(b, "out", port, size, v)
	}
	m.bus.Out(port, size, v)
}

func (l *logger) port(b *board, op string, port uint16, size int, v uint32) {
	l.line(b.m, b.cpu, "ioport", slog.String("op", op), hexAttr("port", uint64(port)), slog.Int("size", size), hexAttr("value", uint64(v)))
}

func hexAttr(key string, v uint64) slog.Attr { return slog.String(key, fmt.Sprintf("%#x", v)) }
