package font

// CP437 maps the character codes of the PC's fonts to Unicode. Codes 00h and
// FFh, which look empty, are blanks.
var CP437 = func() (t [256]rune) {
	const low = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
	const high = "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»" +
		"░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
		"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ "
	i := 0
	for _, r := range low {
		t[i] = r
		i++
	}
	for ; i < 0x7f; i++ {
		t[i] = rune(i)
	}
	for _, r := range high {
		t[i] = r
		i++
	}
	return t
}()
