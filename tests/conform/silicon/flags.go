package silicon

// RFLAGS bits.
const (
	flagCF = 1 << 0
	flag1  = 1 << 1
	flagPF = 1 << 2
	flagAF = 1 << 4
	flagZF = 1 << 6
	flagSF = 1 << 7
	flagTF = 1 << 8
	flagIF = 1 << 9
	flagDF = 1 << 10
	flagOF = 1 << 11
	flagNT = 1 << 14
	flagAC = 1 << 18
	flagID = 1 << 21

	statusFlags = flagCF | flagPF | flagAF | flagZF | flagSF | flagOF
)
