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
	case !json.Valid([]byte(text)): // 007 and +7 are no JSON numbers
		return true, false
	case f == 0: // the exponent of what is just near zero may take long
		return true, strings.Trim(number+text, "-0.") == ""
	default:
		return sameExactly(number, text, f)
	}
}

// sameExactly is SameNumber for two numbers that float64 holds as f.
func sameExactly(number, text string, f float64) (same, certain bool) {
	a, isExact := exactly(number, f)
	b, isExactText := exactly(text, f)
	if !isExact || !isExactText {
		return true, false
	}
	same = a.Cmp(b) == 0
	float := new(big.Rat).SetFloat64(f)
	shortest, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	mayBeRounded := a.Cmp(float) == 0 || a.Cmp(shortest) == 0 // as a float64 is printed
	isAlone := math.Abs(f) < 1<<53 && (b.IsInt() || digitsOf(text) <= certainDigits)
	return same, !mayBeRounded || same && isAlone
}

// certainDigits are as many digits as each float64 keeps, and mostDigits as many as one needs.
const certainDigits, mostDigits = 15, 17

// isRounding reports whether a number of few digits, such as 1.23457e+18, may stand for g. Of those
// up to 2^53 the ones with an exponent may.
func isRounding(number string, f, g float64) bool {
	digits := digitsOf(number)
	if digits > mostDigits || !strings.ContainsAny(number, "eE") && math.Abs(f) < 1<<53 {
		return false
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(g, 'e', digits-1, 64), 64)
	return rounded == f
}

// digitsOf counts a number's digits between its first and its last that is not 0.
func digitsOf(number string) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	return len(strings.Trim(strings.ReplaceAll(mantissa, ".", ""), "-0"))
}

// ParseNumber reads a decimal number, also one that JSON writes otherwise, such as 007. One beyond
// the range of float64 is infinite.
func ParseNumber(text string) (float64, bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

// exactly returns the value of a number that float64 holds as f, if its length takes no time.
func exactly(number string, f float64) (*big.Rat, bool) {
	const longest = 100
	if math.IsInf(f, 0) || len(number) > longest {
		return nil, false
	}
	return new(big.Rat).SetString(number)
}
