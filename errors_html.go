package promptorchestra

import (
	"html"
	"strings"
	"unicode"
)

// excerpt returns the beginning of a text, or of what an HTML page says, as one line.
func excerpt(text []byte) string {
	const most, longest = 300, 16 << 10
	var s string
	if text[0] == '<' {
		s = pageText(string(text), longest)
	} else {
		s = string(text[:min(len(text), longest)])
	}
	var out strings.Builder
	space := false
	for _, r := range withoutJSON(s, 0) {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = true
		default:
			if space && out.Len() > 0 {
				out.WriteByte(' ')
			}
			space = false
			out.WriteRune(r)
		}
		if out.Len() >= most {
			break
		}
	}
	return out.String()
}

// pageText returns the text of an HTML page that a reader sees, a space in the place of each tag,
// up to about so many bytes.
func pageText(page string, most int) string {
	var out strings.Builder
	for page != "" && out.Len() < most {
		at := strings.IndexByte(page, '<')
		if at < 0 {
			at = len(page)
		}
		out.WriteString(page[:min(at, most)])
		if page = page[at:]; page == "" {
			break
		}
		rest, isTag := afterTag(page)
		if !isTag {
			out.WriteByte('<')
		}
		out.WriteByte(' ')
		page = rest
	}
	return html.UnescapeString(strings.ReplaceAll(out.String(), "]]>", " "))
}

// unseen are the elements whose content a browser does not show.
var unseen = []string{"script", "style", "svg", "template"}

// afterTag returns the text after the tag or comment that s begins with, and after the content of
// an element that a browser does not show. isTag is false when s begins with a "<" that is no tag.
func afterTag(s string) (rest string, isTag bool) {
	switch {
	case strings.HasPrefix(s, "<!--"):
		_, rest, _ = strings.Cut(s[2:], "-->")
		return rest, true
	case strings.HasPrefix(s, "<![CDATA["):
		return s[len("<![CDATA["):], true // its end is removed by pageText
	case len(s) == 1 || !strings.ContainsRune("/!?", rune(s[1])) && !isLetter(s[1]):
		return s[1:], false
	}
	for _, name := range unseen {
		if len(s) > len(name)+1 && strings.EqualFold(s[1:1+len(name)], name) && !isLetter(s[1+len(name)]) {
			if end := indexFold(s, "</"+name); end >= 0 {
				return s[tagEnd(s[end:])+end:], true
			}
			return "", true
		}
	}
	return s[tagEnd(s):], true
}

// tagEnd returns where a tag ends: a ">" within the quotes of an attribute does not end it.
func tagEnd(tag string) int {
	const longest = 16 << 10 // limit for a quote that is never closed
	for i := 1; i < len(tag); i++ {
		switch tag[i] {
		case '>':
			return i + 1
		case '"', '\'':
			if tag[i-1] != '=' {
				continue
			}
			value := tag[i+1 : min(len(tag), i+longest)]
			if end := strings.IndexByte(value, tag[i]); end >= 0 {
				i += end + 1
			}
		}
	}
	return len(tag)
}

// indexFold is strings.Index without regard to case, for a text that begins with "<".
func indexFold(s, text string) int {
	for at := 0; ; at++ {
		next := strings.IndexByte(s[at:], '<')
		if next < 0 {
			return -1
		}
		if at += next; len(s)-at >= len(text) && strings.EqualFold(s[at:at+len(text)], text) {
			return at
		}
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
