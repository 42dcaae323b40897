package jsonscan

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// SameNumber reports whether a JSON number has the value of a text that is a number too: 4711.0 and
// 1e3 are 4711 and 1000. certain is false if that cannot be told: servers keep numbers as float64,
// which rounds those of many digits, so that the number may have been another one.
func SameNumber(number, text string) (same, certain bool) {
	f, ok := ParseNumber(number)
	g, isNumber := ParseNumber(text)
	switch {
	case !ok || !isNumber:
		return false, true
	case f != g:
		return false, !isRounding(number, f, g)
	case math.IsInf(f, 0), !json.Valid([]byte(text)): // 007 and +7 are no JSON numbers
		return true, false
	case f == 0:
		return true, strings.Trim(number+text, "-0.") == "" // and none that is just near zero
	default:
		return sameExactly(number, text, f)
	}
}

// isRounding reports whether a number of few digits, such as 1.23457e+18, may stand for g. Of those
// up to 2^53 the ones with an exponent may.
func isRounding(number string, f, g float64) bool {
	const exact, most = 1 << 53, 15 // more digits are float64's matter
	mantissa, _, hasExponent := strings.Cut(strings.ToLower(number), "e")
	digits := len(strings.Trim(strings.ReplaceAll(mantissa, ".", ""), "-0"))
	if digits == 0 || digits > most || !hasExponent && math.Abs(f) < exact {
		return false
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(g, 'e', digits-1, 64), 64)
	return rounded == f
}

// sameExactly is SameNumber of two numbers that have the same float64.
func sameExactly(number, text string, f float64) (same, certain bool) {
	a, isExact := exactly(number)
	b, isExactText := exactly(text)
	if !isExact || !isExactText {
		return true, false
	}
	float := new(big.Rat).SetFloat64(f)
	shortest, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	mayBeRounded := a.Cmp(float) == 0 || a.Cmp(shortest) == 0 // as a float64 is printed
	if a.Cmp(b) == 0 {
		return true, !mayBeRounded || isAlone(b, f)
	}
	return mayBeRounded, !mayBeRounded
}

// isAlone reports whether no other number of as many decimals has the same float64.
func isAlone(n *big.Rat, f float64) bool {
	decimals, _ := n.FloatPrec()
	step := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil))
	above, _ := new(big.Rat).Add(n, step).Float64()
	below, _ := new(big.Rat).Sub(n, step).Float64()
	return above != f && below != f
}

// ParseNumber reads a decimal number, also one that JSON writes otherwise, such as 007. One beyond
// the range of float64 is infinite.
func ParseNumber(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

// exactly returns the value of a number that float64 can hold, of a length that takes no time.
func exactly(text string) (*big.Rat, bool) {
	const longest = 100
	if len(text) > longest {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
