package orchestratest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// ids makes names that look random and are the same for the same seed. Each kind counts for itself,
// so that a new agent gets the same id however many prompts there are.
type ids struct {
	seed   uint64
	counts map[string]int
}

func newIDs(seed uint64) ids { return ids{seed: seed, counts: map[string]int{}} }

// next returns a new id such as "agt_" and 24 characters.
func (g *ids) next(prefix string) string { return g.id(prefix, g.count(prefix)) }

func (g ids) id(prefix string, number int) string {
	return prefix + letters(g.digest(prefix, number), 24)
}

// secret returns a new credential such as "sk_" and 32 characters.
func (g *ids) secret(prefix string) string {
	return prefix + letters(g.digest(prefix, g.count(prefix)), 32)
}

func (g *ids) count(kind string) int {
	g.counts[kind]++
	return g.counts[kind]
}

// jwt returns a new access token in the form of a JSON web token. Nobody signs it: the server
// knows its tokens.
func (g *ids) jwt(organizationID string) string {
	number := g.count("jwt")
	digest := g.digest("jwt", number)
	part := base64.RawURLEncoding.EncodeToString
	payload := fmt.Sprintf(`{"sub":"user_%s","org":%q,"jti":%d}`, letters(digest, 12), organizationID, number)
	return strings.Join([]string{part([]byte(`{"alg":"HS256","typ":"JWT"}`)), part([]byte(payload)), part(digest[:])}, ".")
}

func (g ids) digest(kind string, number int) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", g.seed, kind, number))
}

// letters writes the first n bytes of a digest in letters and digits.
func letters(digest [sha256.Size]byte, n int) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	var b strings.Builder
	for _, c := range digest[:n] {
		b.WriteByte(alphabet[int(c)%len(alphabet)])
	}
	return b.String()
}
