package isa

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// The decoder is compared with golang.org/x/arch/x86/x86asm: same length, same
// mnemonic, and invalid there where it is invalid here. Each accepted difference
// is a row of allowances.

// theirNames translates our mnemonics, SDM primary names, to x86asm's.
var theirNames = func() map[string]string {
	m := map[string]string{
		"CALLF": "LCALL", "JMPF": "LJMP", "RETF": "LRET", "INT3": "INT", "INT1": "ICEBP", "XLAT": "XLATB",
	}
	cc := [16]string{"O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G"}
	for i, c := range conditions {
		for _, p := range []string{"J", "SET", "CMOV"} {
			m[p+c.name] = p + cc[i]
		}
	}
	return m
}()

// theirSized are x86asm's names by operand size: 2, 4, 8 bytes.
var theirSized = map[string][3]string{
	"CBW": {"CBW", "CWDE", "CDQE"}, "CWD": {"CWD", "CDQ", "CQO"},
	"PUSHA": {"PUSHA", "PUSHAD"}, "POPA": {"POPA", "POPAD"},
	"PUSHF": {"PUSHF", "PUSHFD", "PUSHFQ"}, "POPF": {"POPF", "POPFD", "POPFQ"},
	"IRET": {"IRET", "IRETD", "IRETQ"},
	"MOVS": {"MOVSW", "MOVSD", "MOVSQ"}, "CMPS": {"CMPSW", "CMPSD", "CMPSQ"}, "STOS": {"STOSW", "STOSD", "STOSQ"},
	"LODS": {"LODSW", "LODSD", "LODSQ"}, "SCAS": {"SCASW", "SCASD", "SCASQ"},
	"INS": {"INSW", "INSD", "INSD"}, "OUTS": {"OUTSW", "OUTSD", "OUTSD"},
}

func theirName(in *Inst) string {
	n := Forms[in.Form].Mnemonic
	if s, ok := theirSized[n]; ok {
		return s[in.OpSize>>2]
	}
	if (n == "MOVSD" || n == "CMPSD") && Forms[in.Form].enc.pfx == 1<<pfxF2 {
		return n + "_XMM" // theirs are the string instructions
	}
	if in.OpSize == 8 && (strings.HasPrefix(n, "XSAVE") || strings.HasPrefix(n, "XRSTOR") || strings.HasPrefix(n, "FX") && in.Mem()) {
		return n + "64"
	}
	if n == "JCXZ" {
		return [3]string{"JCXZ", "JECXZ", "JRCXZ"}[in.AddrSize>>2]
	}
	if s, ok := theirNames[n]; ok {
		return s
	}
	return n
}

// result is what one of the decoders says; name is "" for an invalid instruction.
type result struct {
	name string
	len  int
}

func ours(code []byte, mode Mode) (result, Inst, error) {
	var in Inst
	err := Decode(code, mode, &in)
	if err != nil {
		return result{}, in, err
	}
	return result{theirName(&in), int(in.Len)}, in, nil
}

func theirs(code []byte, mode Mode) (x86asm.Inst, result) {
	x, err := x86asm.Decode(code, int(mode))
	if err != nil || x.Op == 0 {
		return x, result{}
	}
	return x, result{x.Op.String(), x.Len}
}

// comparison is one byte string seen by both decoders.
type comparison struct {
	code    []byte
	mode    Mode
	in      Inst
	err     error
	a, b    result // ours, theirs
	theirs  x86asm.Inst
	prefix  int  // number of prefix bytes, REX included
	opcode  byte // the byte after them
	second  byte
	dropREX bool // a REX prefix is followed by another prefix
}

func compare(code []byte, mode Mode) comparison {
	c := comparison{code: code, mode: mode}
	c.a, c.in, c.err = ours(code, mode)
	c.theirs, c.b = theirs(code, mode)
	kinds := &prefixKinds[mode/64]
	for kinds[code[c.prefix]] != 0 {
		c.dropREX = c.dropREX || kinds[code[c.prefix]] == pkREX && kinds[code[c.prefix+1]] != 0
		c.prefix++
	}
	c.opcode, c.second = code[c.prefix], code[c.prefix+1]
	return c
}

// operands compares what both decoders agree to be the same instruction by its
// memory operand, branch displacement and immediates; "" means equal.
func (c *comparison) operands() string {
	f := c.form()
	for i, arg := range c.theirs.Args {
		switch arg := arg.(type) {
		case x86asm.Reg:
			if i >= len(f.ops) {
				continue // implied operands of MUL, SHRD, ...
			}
			if f.enc.vex() && c.mode != 64 {
				continue // x86asm applies W and all of vvvv outside 64-bit mode
			}
			var ours uint8
			switch f.ops[i].Method {
			case 'G':
				ours = c.in.Reg
			case 'E', 'R', 'Z':
				ours = c.in.RM
			case 'B':
				ours = c.in.Vvvv
			default:
				continue
			}
			n, size := register(arg)
			if f.ops[i].Size == "w" && (c.a.name == "LAR" || c.a.name == "LSL" || f.hasMethod('S')) {
				size = 2 // x86asm shows selectors in wider registers
			}
			if n != ours || size != c.in.sizeBytes(f.ops[i].Size) {
				return "register"
			}
		case x86asm.Mem:
			if !f.enc.modrm {
				if f.hasMethod('O') && uint64(arg.Disp) != uint64(c.in.Disp) {
					return "offset"
				}
				continue
			}
			if !c.in.Mem() {
				return "memory"
			}
			base, _ := register(arg.Base)
			index, _ := register(arg.Index)
			if base == c.in.Index && index == c.in.Base && arg.Scale == 1 && c.in.Scale == 0 {
				base, index = index, base
			}
			mask := uint64(1)<<(min(c.in.AddrSize, 4)*8) - 1 // x86asm does not sign-extend disp32 to 64 bits
			if base != c.in.Base || index != c.in.Index || (uint64(arg.Disp)^uint64(c.in.Disp))&mask != 0 {
				return "address"
			}
			if index != NoReg && arg.Scale != 1<<c.in.Scale {
				return "scale"
			}
			// x86asm shows RIP-relative operands behind VEX as absolute.
			if (arg.Base == x86asm.RIP || arg.Base == x86asm.EIP) != (c.in.Prefix&PrefixRIP != 0) && !f.enc.vex() {
				return "RIP"
			}
		case x86asm.Rel:
			if int64(arg) != int64(c.in.Imm) {
				return "displacement"
			}
		case x86asm.Imm:
			if f.Mnemonic == "ENTER" || f.hasMethod('A') || !f.hasMethod('I') {
				continue
			}
			mask := uint64(0xFF)
			switch f.ops[len(f.ops)-1].Size {
			case "w":
				mask = 0xFFFF
			case "bs", "z", "v":
				mask = 1<<(c.in.OpSize*8-1)*2 - 1
			}
			if (uint64(arg)^c.in.Imm)&mask != 0 {
				return "immediate"
			}
		}
	}
	return ""
}

// register numbers their registers as Inst does, and gives the size in bytes.
func register(r x86asm.Reg) (n, size uint8) {
	switch {
	case r >= x86asm.AL && r <= x86asm.BL:
		return uint8(r - x86asm.AL), 1
	case r >= x86asm.AH && r <= x86asm.BH:
		return uint8(r-x86asm.AH) + AH, 1
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return uint8(r-x86asm.SPB) + 4, 1
	case r >= x86asm.AX && r <= x86asm.R15W:
		return uint8(r - x86asm.AX), 2
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return uint8(r - x86asm.EAX), 4
	case r >= x86asm.RAX && r <= x86asm.R15:
		return uint8(r - x86asm.RAX), 8
	default:
		return NoReg, 0
	}
}

func (c *comparison) form() *Form { return &Forms[c.in.Form] }

// without returns the same instruction with every prefix byte for which drop
// holds left out, and how many those were.
func (c *comparison) without(drop func(i int) bool) ([]byte, int) {
	var code []byte
	n := 0
	for i, b := range c.code {
		if i < c.prefix && drop(i) {
			n++
			continue
		}
		code = append(code, b)
	}
	return append(code, make([]byte, n)...), n
}

type allowance struct {
	why string
	ok  func(c *comparison) bool
}

// allowances are the differences accepted, each as narrow as it can be said.
// One that accepts nothing fails the test.
var allowances []allowance

func init() {
	allowances = []allowance{
		{"x86asm accepts LOCK anywhere", func(c *comparison) bool {
			if c.a.name != "" {
				return false
			}
			code, n := c.without(func(i int) bool { return c.code[i] == 0xF0 })
			if n == 0 {
				return false
			}
			d := compare(code, c.mode)
			return d.b == result{c.b.name, c.b.len - n} && (d.a == d.b || allowed(&d) >= 0)
		}},
		{"x86asm rejects a REX prefix that another prefix follows; processors ignore it", func(c *comparison) bool {
			if !c.dropREX || c.b.name != "" {
				return false
			}
			code, n := c.without(func(i int) bool { return i < c.prefix-1 && c.code[i]>>4 == 4 })
			d := compare(code, c.mode)
			return d.a == result{c.a.name, c.a.len - n} && (d.a == d.b || allowed(&d) >= 0)
		}},
		{"x86asm lacks the undocumented forms", func(c *comparison) bool {
			return c.b.name == "" && c.form().Attr&Undoc != 0
		}},
		{"x86asm lacks these instructions", func(c *comparison) bool {
			switch c.a.name {
			case "UD0", "UD1", "RDSEED", "CLAC", "STAC", "RDPKRU", "WRPKRU", "CLFLUSHOPT", "CLWB", "RDPID", "ADCX", "ADOX",
				"SHA1NEXTE", "SHA1MSG1", "SHA1MSG2", "SHA256RNDS2", "SHA256MSG1", "SHA256MSG2", "SHA1RNDS4",
				"XSAVEC", "XSAVES", "XRSTORS", "XSAVEC64", "XSAVES64", "XRSTORS64", "ENDBR32", "ENDBR64":
				return c.b.name == ""
			}
			return false
		}},
		{"x86asm knows the hint NOPs as 0F 1F /0 and 0F 18 /0-3 only", func(c *comparison) bool {
			return c.a.name == "NOP" && c.opcode == 0x0F && c.b.name == "" && (c.second == 0x0D || c.second&0xF8 == 0x18)
		}},
		{"x86asm knows the fences with ModRM.rm 0 only", func(c *comparison) bool {
			return strings.HasSuffix(c.a.name, "FENCE") && c.b.name == "" && c.in.RM&7 != 0
		}},
		{"SYSCALL and SYSRET exist outside 64-bit mode on some processors", func(c *comparison) bool {
			return c.mode != 64 && (c.a.name == "SYSCALL" || c.a.name == "SYSRET") && c.b.name == ""
		}},
		{"MOV to and from CR and DR ignores mod (SDM vol. 2, MOV)", func(c *comparison) bool {
			return c.opcode == 0x0F && c.second >= 0x20 && c.second <= 0x23 && c.a == result{"MOV", c.prefix + 3} && c.in.ModRM < 0xC0
		}},
		{"x86asm decodes the test registers of the 386", func(c *comparison) bool {
			return c.opcode == 0x0F && (c.second == 0x24 || c.second == 0x26) && c.a.name == "" && c.b.name == "MOV"
		}},
		{"x86asm accepts control and debug registers that do not exist", func(c *comparison) bool {
			return c.opcode == 0x0F && c.second >= 0x20 && c.second <= 0x23 && c.a.name == "" && c.b.name == "MOV"
		}},
		{"x86asm accepts CS as a destination", func(c *comparison) bool {
			return c.opcode == 0x8E && c.second>>3&7 == CS && c.a.name == "" && c.b.name == "MOV"
		}},
		{"x86asm accepts 66h, F2h and F3h where the SDM forbids them (NP, NFx)", func(c *comparison) bool {
			if c.a.name != "" {
				return false
			}
			code, n := c.without(func(i int) bool { return c.code[i] == 0x66 || c.code[i] == 0xF2 || c.code[i] == 0xF3 })
			d := compare(code, c.mode)
			return n > 0 && d.form().enc.pfx != pfxAny && d.a.name == c.b.name
		}},
		{"x86asm has no mandatory prefix for CLFLUSHOPT and CLWB", func(c *comparison) bool {
			return c.a.name == "CLFLUSHOPT" && c.b.name == "CLFLUSH" || c.a.name == "CLWB" && strings.HasPrefix(c.b.name, "XSAVEOPT")
		}},
		{"MOVLPD and MOVHPD have no register form", func(c *comparison) bool {
			return c.a.name == "" && (c.b.name == "MOVLPD" || c.b.name == "MOVHPD") && c.code[c.prefix+2] >= 0xC0
		}},
		{"SSE4A is not in the table", func(c *comparison) bool {
			return c.a.name == "" && (c.b.name == "MOVNTSS" || c.b.name == "MOVNTSD")
		}},
		{"F3 with REX.B before 90 is XCHG, as REX.B before 90 alone", func(c *comparison) bool {
			return c.opcode == 0x90 && c.code[c.prefix-1]&0xF1 == 0x41 && c.a.name == "XCHG" && c.b == result{"PAUSE", c.a.len}
		}},
		{"x86asm accepts memory operands of RDRAND, WRFSBASE and WRGSBASE", func(c *comparison) bool {
			return c.a.name == "" && c.code[c.prefix+2] < 0xC0 && (c.b.name == "RDRAND" || c.b.name == "WRFSBASE" || c.b.name == "WRGSBASE")
		}},
		{"x86asm has no VEX in 16-bit code; protected mode has", func(c *comparison) bool {
			return c.mode == 16 && c.form().enc.vex() && c.b.name == ""
		}},
		{"transactional memory is not in the table", func(c *comparison) bool {
			return c.a.name == "" && (c.b.name == "XABORT" || c.b.name == "XBEGIN" || c.b.name == "XTEST" || c.b.name == "XEND")
		}},
		{"AVX is not in the table", func(c *comparison) bool {
			return c.a.name == "" && (c.opcode == 0xC4 || c.opcode == 0xC5 || c.opcode == 0x62) && (c.b.name[:1] == "V" || c.b.name[:1] == "K")
		}},
	}
}

// allowed returns the index of the allowance that covers c, or -1.
func allowed(c *comparison) int {
	for i := range allowances {
		if allowances[i].ok(c) {
			return i
		}
	}
	return -1
}

type crossChecker struct {
	count int
	used  []int             // by allowance
	diffs map[string]string // kind of difference -> an example
}

func newCrossChecker() *crossChecker {
	return &crossChecker{used: make([]int, len(allowances)), diffs: map[string]string{}}
}

func (cc *crossChecker) check(code []byte, mode Mode) {
	cc.count++
	c := compare(code, mode)
	if c.a == c.b {
		if d := c.operands(); d != "" {
			cc.diff(fmt.Sprintf("%d: %s %s: %s", mode, c.form().Mnemonic, c.form().Enc, d), &c)
		}
		return
	}
	if i := allowed(&c); i >= 0 {
		cc.used[i]++
		return
	}
	cc.diff(fmt.Sprintf("%d: %v %s ours %q theirs %q", mode, c.err, c.form().Enc, c.a.name, c.b.name), &c)
}

func (cc *crossChecker) diff(kind string, c *comparison) {
	if _, ok := cc.diffs[kind]; !ok {
		cc.diffs[kind] = fmt.Sprintf("% x %v %v %+v %v", c.code, c.a, c.b, c.in, c.theirs)
	}
}

func (cc *crossChecker) report(t *testing.T) {
	t.Logf("%d byte strings compared", cc.count)
	for i, n := range cc.used {
		t.Logf("%9d differ: %s", n, allowances[i].why)
	}
	keys := slices.Sorted(maps.Keys(cc.diffs))
	for i, k := range keys {
		if i == 60 {
			t.Errorf("and %d more", len(keys)-i)
			break
		}
		t.Errorf("%s: %s", k, cc.diffs[k])
	}
}

func TestAgainstX86asmRandom(t *testing.T) {
	cc := newCrossChecker()
	r := rand.New(rand.NewPCG(1, 2))
	code := make([]byte, 15)
	for n := range 300000 {
		for i := range code {
			code[i] = byte(r.Uint32())
		}
		if n&1 == 0 {
			code[0] = 0x0F
		}
		for _, m := range []Mode{16, 32, 64} {
			cc.check(code, m)
		}
	}
	cc.report(t)
}

// Every opcode of the four legacy maps with every ModRM byte behind a set of
// prefix combinations; the bytes after ModRM walk through all values.
func TestAgainstX86asmExhaustive(t *testing.T) {
	cc := newCrossChecker()
	prefixes := []string{"", "66", "67", "f2", "f3", "66 f2", "f3 66", "f0", "2e", "64"}
	rexes := []string{"40", "48", "66 48", "f2 4d", "f3 48", "66 4f", "41"}
	pages := []string{"", "0f", "0f 38", "0f 3a"}
	walk := byte(0)
	run := func(mode Mode, prefix string) {
		for _, m := range pages {
			head := unhex(t, prefix+m)
			code := append(head, make([]byte, 15-len(head))...)
			for op := range 256 {
				for modrm := range 256 {
					code[len(head)], code[len(head)+1] = byte(op), byte(modrm)
					for i := len(head) + 2; i < len(code); i++ {
						walk += 37
						code[i] = walk
					}
					cc.check(code, mode)
				}
			}
		}
	}
	for _, p := range prefixes {
		for _, m := range []Mode{16, 32, 64} {
			run(m, p)
		}
	}
	for _, p := range rexes {
		run(64, p)
	}
	pages = []string{"c4 e2 78", "c4 e2 f9", "c4 e2 7a", "c4 e2 fb", "c4 e2 7c", "c4 e3 7b", "c4 42 30", "c4 e2 30", "c5 f8", "c4 e4 78"}
	for _, m := range []Mode{16, 32, 64} {
		run(m, "")
	}
	cc.report(t)
	for i, n := range cc.used {
		if n == 0 {
			t.Errorf("allowance never needed: %s", allowances[i].why)
		}
	}
}
