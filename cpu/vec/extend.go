package vec

// signB and signW extend lanes that spreadB and spreadW have spaced out.
func signB(x uint64) uint64 { return x | spread(x<<8&h16, 16)&0xff00ff00ff00ff00 }
func signW(x uint64) uint64 { return x | spread(x<<16&h32, 32)&0xffff0000ffff0000 }

// PMOVZXBW widens unsigned bytes to words.
func PMOVZXBW(a V) V { return V{spreadB(uint32(a[0])), spreadB(uint32(a[0] >> 32))} }

// PMOVZXBD widens unsigned bytes to dwords.
func PMOVZXBD(a V) V {
	return V{spreadW(uint32(spreadB(uint32(a[0])))), spreadW(uint32(spreadB(uint32(a[0])) >> 32))}
}

// PMOVZXBQ widens unsigned bytes to qwords.
func PMOVZXBQ(a V) V { return V{a[0] & 0xff, a[0] >> 8 & 0xff} }

// PMOVZXWD widens unsigned words to dwords.
func PMOVZXWD(a V) V { return V{spreadW(uint32(a[0])), spreadW(uint32(a[0] >> 32))} }

// PMOVZXWQ widens unsigned words to qwords.
func PMOVZXWQ(a V) V { return V{a[0] & 0xffff, a[0] >> 16 & 0xffff} }

// PMOVZXDQ widens unsigned dwords to qwords.
func PMOVZXDQ(a V) V { return V{a[0] & 0xffffffff, a[0] >> 32} }

// PMOVSXBW widens signed bytes to words.
func PMOVSXBW(a V) V { return V{signB(spreadB(uint32(a[0]))), signB(spreadB(uint32(a[0] >> 32)))} }

// PMOVSXBD widens signed bytes to dwords.
func PMOVSXBD(a V) V {
	w := signB(spreadB(uint32(a[0])))
	return V{signW(spreadW(uint32(w))), signW(spreadW(uint32(w >> 32)))}
}

// PMOVSXBQ widens signed bytes to qwords.
func PMOVSXBQ(a V) V { return V{uint64(int64(int8(a[0]))), uint64(int64(int8(a[0] >> 8)))} }

// PMOVSXWD widens signed words to dwords.
func PMOVSXWD(a V) V { return V{signW(spreadW(uint32(a[0]))), signW(spreadW(uint32(a[0] >> 32)))} }

// PMOVSXWQ widens signed words to qwords.
func PMOVSXWQ(a V) V { return V{uint64(int64(int16(a[0]))), uint64(int64(int16(a[0] >> 16)))} }

// PMOVSXDQ widens signed dwords to qwords.
func PMOVSXDQ(a V) V { return V{uint64(int64(int32(a[0]))), uint64(int64(a[0]) >> 32)} }
