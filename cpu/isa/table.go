package isa

import "fmt"

// Forms is the table: Forms[id].ID == id. Forms[0] is the invalid instruction.
var Forms = buildForms()

// ByMnemonic lists the forms of each mnemonic in table order.
var ByMnemonic = indexMnemonics()

// row makes one line of the table.
func row(mnemonic, enc, args string, f Feature, a Attr, fl FlagEffect) Form {
	return Form{Mnemonic: mnemonic, Enc: enc, Args: args, Feature: f, Attr: a, Flags: fl}
}

// Flag effects that many rows share. The letters are the SDM's (volume 1,
// appendix A): written, then undefined.
var (
	noFlags    = FlagEffect{}
	wAll       = FlagEffect{Written: StatusFlags}
	wAllTestC  = FlagEffect{Tested: CF, Written: StatusFlags}
	wLogic     = FlagEffect{Written: OF | SF | ZF | PF | CF, Undefined: AF}
	wIncDec    = FlagEffect{Written: OF | SF | ZF | AF | PF}
	wMul       = FlagEffect{Written: CF | OF, Undefined: SF | ZF | AF | PF}
	uAll       = FlagEffect{Undefined: StatusFlags}
	wZ         = FlagEffect{Written: ZF}
	wBit       = FlagEffect{Written: CF, Undefined: OF | SF | AF | PF}
	wScan      = FlagEffect{Written: ZF, Undefined: CF | OF | SF | AF | PF}
	wCount     = FlagEffect{Written: ZF | CF, Undefined: OF | SF | AF | PF}
	tDF        = FlagEffect{Tested: DF}
	everything = uint32(StatusFlags | TF | IF | DF | IOPL | NT | RF | VM | AC | VIF | VIP | IDF)
)

func tests(f uint32) FlagEffect  { return FlagEffect{Tested: f} }
func writes(f uint32) FlagEffect { return FlagEffect{Written: f} }

// legacyMnemonics names what older processors, which ignore the F3 prefix, run.
var legacyMnemonics = map[string]string{"TZCNT": "BSF", "LZCNT": "BSR", "PAUSE": "NOP", "ENDBR64": "NOP", "ENDBR32": "NOP"}

func buildForms() []Form {
	forms := []Form{{Mnemonic: "(bad)"}}
	for _, t := range [][]Form{intForms(), systemForms(), fpuForms(), mmxForms(), sseForms(), sse4Forms(), stateForms(), bmiForms()} {
		forms = append(forms, t...)
	}
	for i := 1; i < len(forms); i++ {
		f := &forms[i]
		f.ID = ID(i)
		if err := f.parse(); err != nil {
			panic(fmt.Sprintf("isa: %s %s %q: %v", f.Mnemonic, f.Args, f.Enc, err))
		}
	}
	for i := range forms {
		f := &forms[i]
		older, ok := legacyMnemonics[f.Mnemonic]
		if !ok || f.enc.vex() {
			continue
		}
		for j := range forms {
			g := &forms[j]
			if g.Mnemonic == older && g.enc.page == f.enc.page && g.enc.opcode == f.enc.opcode {
				f.Legacy = g.ID
			}
		}
		if f.Legacy == 0 {
			panic("isa: no older form of " + f.Mnemonic)
		}
	}
	return forms
}

// immTokens maps an operand to the token its bytes have in Enc.
var immTokens = map[string]string{
	"Ib": "ib", "Ibs": "ib", "Iw": "iw", "Iz": "iz", "Iv": "iv", "Jb": "cb", "Jz": "cz", "Ap": "ap",
	"Ob": "o", "Ov": "o",
}

func (f *Form) parse() (err error) {
	if f.enc, err = parseEncoding(f.Enc); err != nil {
		return err
	}
	if f.ops, err = parseOperands(f.Args); err != nil {
		return err
	}
	imm := ""
	for _, op := range f.ops {
		switch op.Method {
		case 'I', 'J', 'A', 'O':
			t := immTokens[string(op.Method)+op.Size]
			if t == "" {
				return fmt.Errorf("immediate %c%s", op.Method, op.Size)
			}
			if imm != "" {
				imm += " "
			}
			imm += t
		case 'M':
			f.enc.mod &= modMem
		case 'R':
			// The moves to and from control and debug registers ignore mod.
			if !f.hasMethod('C') && !f.hasMethod('D') {
				f.enc.mod &= mod3
			}
		case 'U', 'N':
			f.enc.mod &= mod3
		}
		switch op.Method {
		case 'E', 'G', 'M', 'R', 'S', 'C', 'D', 'V', 'W', 'U', 'P', 'Q', 'N', 'T':
			if !f.enc.modrm {
				return fmt.Errorf("operand %c without a ModRM byte", op.Method)
			}
		case 'Z':
			if !f.enc.plusR {
				return fmt.Errorf("operand Z without register bits")
			}
		case 'B':
			if !f.enc.vex() {
				return fmt.Errorf("operand B without VEX")
			}
		}
	}
	if imm != f.enc.imm {
		return fmt.Errorf("operands have immediates %q, encoding has %q", imm, f.enc.imm)
	}
	if f.enc.mod == 0 {
		return fmt.Errorf("accepts neither a register nor memory")
	}
	if f.enc.vex() {
		f.Attr |= Prot // real and virtual-8086 mode have no VEX (SDM vol. 2, 2.3)
	}
	return nil
}

func (f *Form) hasMethod(m byte) bool {
	for _, op := range f.ops {
		if op.Method == m {
			return true
		}
	}
	return false
}

func indexMnemonics() map[string][]ID {
	m := map[string][]ID{}
	for i := 1; i < len(Forms); i++ {
		m[Forms[i].Mnemonic] = append(m[Forms[i].Mnemonic], ID(i))
	}
	return m
}
