package session

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxText is how much of a text is recorded.
const maxText = 4 << 10

// maxSecrets is how many texts are looked for: of tokens, the newest.
const maxSecrets = 64

// secrets are what must not be recorded. The zero value knows of none. It is safe
// for concurrent use.
type secrets struct {
	mu    sync.Mutex
	key   []byte // of this recorder, never written
	known []string
	hide  *strings.Replacer // nil: nothing is known
}

// add takes a text, which is then replaced in every form in which texts quote it.
func (s *secrets) add(secret string) {
	if secret == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.known, secret) {
		return
	}
	if s.known = append(s.known, secret); len(s.known) > maxSecrets {
		s.known = slices.Delete(s.known, 0, 1)
	}
	s.hide = replacer(s.known)
}

// replacer prefers the longest of what it finds.
func replacer(secrets []string) *strings.Replacer {
	var forms []string
	for _, s := range secrets {
		quoted := strconv.Quote(s)
		forms = append(forms, s, quoted[1:len(quoted)-1], url.QueryEscape(s), url.PathEscape(s))
	}
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, redacted)
	}
	return strings.NewReplacer(pairs...)
}

// known replaces what is known to be secret.
func (s *secrets) replaced(text string) string {
	s.mu.Lock()
	hide := s.hide
	s.mu.Unlock()
	text = strings.ToValidUTF8(text, "\ufffd")
	if hide == nil {
		return text
	}
	return hide.Replace(text)
}

// urls finds URLs in texts; quotes and brackets end them there.
var urls = regexp.MustCompile("[a-zA-Z][a-zA-Z0-9+.-]*://[^\\s\"'`<>]+")

// text is a text as it may be recorded.
func (s *secrets) text(text string) string {
	if text = s.replaced(text); strings.Contains(text, "://") {
		text = urls.ReplaceAllStringFunc(text, s.url)
	}
	return s.cut(text)
}

// endpoint is an endpoint as it may be recorded.
func (s *secrets) endpoint(endpoint string) string { return s.cut(s.url(s.replaced(endpoint))) }

// cut shortens what is so long that it would fill a recording.
func (s *secrets) cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…" + s.mark(text[maxText:])
}

// url replaces in a URL, or what looks like a part of one, who the user is, the
// values of the query, and the fragment.
func (s *secrets) url(text string) string {
	scheme, rest := "", text
	if i := strings.Index(text, "://"); i >= 0 {
		scheme, rest = text[:i+3], text[i+3:]
	}
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	host, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = s.mark(host[:i]) + host[i:]
	}
	out := scheme + host + path
	if hasQuery {
		out += "?" + s.query(query)
	}
	if hasFragment {
		out += "#" + s.mark(fragment)
	}
	return out
}

func (s *secrets) query(query string) string {
	parts := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	for i, part := range parts {
		if name, value, ok := strings.Cut(part, "="); ok {
			parts[i] = name + "=" + s.mark(value)
		} else {
			parts[i] = s.mark(part)
		}
	}
	return strings.Join(parts, "&")
}

// mark stands for a text: the same for equal ones, and another for every other. It
// cannot be guessed back, as nobody else has the key.
func (s *secrets) mark(text string) string {
	if text == "" {
		return ""
	}
	s.mu.Lock()
	if s.key == nil {
		s.key = make([]byte, sha256.Size)
		_, _ = rand.Read(s.key) // it never fails
	}
	h := hmac.New(sha256.New, s.key)
	s.mu.Unlock()
	h.Write([]byte(text))
	return "~" + hex.EncodeToString(h.Sum(nil)[:6])
}
