package main

import (
	"encoding/hex"
	"io"
	"os"
	"strconv"
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit"
	"g86/machine"
	"github.com/spf13/pflag"
)

type debugOpts struct {
	mode, at, model string
	window          bool
}

func init() {
	register(&verb{
		name: "debug", usage: "debug ir [flags] HEX...|FILE@OFFSET", short: "show what the translator makes of code",
		long: "ir shows the whole life of one block: its instructions, the flags that matter after each,\n" +
			"what each means (the interpreter runs the same), and the host code. The block ends as it\n" +
			"would in a guest: with a jump, or after 32 instructions. With G86_DUMP=ADDRESS in the\n" +
			"environment, `g86 run` shows the blocks at that guest address when it translates them.",
		example: "  g86 debug ir 4801d8 488903 75f8\n  g86 debug ir --mode 32 --at 0x100000 kernel.bin@0x1000\n" +
			"  G86_DUMP=ffffffff81000000 g86 run --kernel vmlinuz",
		flags: func(fs *pflag.FlagSet) any {
			o := &debugOpts{}
			fs.StringVar(&o.mode, "mode", "64", "code size `BITS`, 32 or 64")
			fs.StringVar(&o.at, "at", "0x1000", "`ADDRESS` of the first byte")
			fs.BoolVar(&o.window, "window", false, "as where memory is mapped into a window (docs/translator.md)")
			fs.StringVar(&o.model, "cpu", "max", "processor `MODEL`: "+strings.Join(machine.ModelNames(), ", "))
			return o
		},
		run: func(c *cli, opts any, args []string) error {
			if len(args) == 0 || args[0] != "ir" {
				return usagef("what shall be shown? Write `g86 debug ir HEX` or `g86 debug ir FILE@OFFSET`")
			}
			return opts.(*debugOpts).ir(c, args[1:])
		},
	})
}

// longestBlock is more bytes than a block can have.
const longestBlock = 32 * 15

func (o *debugOpts) ir(c *cli, args []string) error {
	if len(args) == 0 {
		return usagef("debug ir needs code: bytes in hexadecimal, or FILE@OFFSET")
	}
	mode, err := strconv.Atoi(o.mode)
	if err != nil || mode != 32 && mode != 64 {
		return usagef("--mode %s: the translator knows code of 32 and 64 bits", o.mode)
	}
	at, err := strconv.ParseUint(o.at, 0, 64)
	if err != nil {
		return usagef("--at %s: not an address; write for example 0x7c00", o.at)
	}
	model, err := cpu.NewModel(o.model)
	if err != nil {
		return usagef("--cpu: %w", err)
	}
	code, err := codeOf(args)
	if err != nil {
		return err
	}
	text, err := jit.Explain(code, at, isa.Mode(mode), model, o.window)
	if err != nil {
		return configf("debug ir: %w", err)
	}
	return c.print(func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// codeOf is the code that arguments give.
func codeOf(args []string) ([]byte, error) {
	if path, offset, ok := strings.Cut(args[0], "@"); ok && len(args) == 1 {
		n, err := strconv.ParseInt(offset, 0, 64)
		if err != nil || n < 0 {
			return nil, usagef("%s: %q is not an offset; write for example %s@0x1000", args[0], offset, path)
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, configf("%s: %w; check the name", path, pathless(err))
		}
		defer f.Close()
		b := make([]byte, longestBlock)
		k, err := f.ReadAt(b, n)
		if k == 0 {
			return nil, configf("%s: nothing to read at %#x: %w", path, n, err)
		}
		return b[:k], nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(args, ""), " ", ""))
	if err != nil {
		return nil, usagef("%q is not code in hexadecimal; write for example 4801d8, or FILE@OFFSET", strings.Join(args, " "))
	}
	return b, nil
}
