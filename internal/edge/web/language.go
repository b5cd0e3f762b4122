package web

import (
	"fmt"
	"net/http"

	"golang.org/x/net/idna"
	"golang.org/x/text/language"
)

// languages are those that pages are in; the first is for whoever asks for none of them.
func languages() []string { return []string{"en", "sv"} }

// languageOf is what the reader chose by ?lang=, else what the browser asks for (RFC 9110 12.5.4).
func languageOf(r *http.Request) string {
	chosen := r.URL.Query().Get("lang")
	for _, l := range languages() {
		if l == chosen {
			return l
		}
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return languages()[0]
	}
	_, i, _ := language.NewMatcher([]language.Tag{language.English, language.Swedish}).Match(tags...)
	return languages()[i]
}

func otherThan(lang string) string {
	if lang == "sv" {
		return "en"
	}
	return "sv"
}

// words are the texts of one language by their English; nil: English itself.
type words map[string]string

func wordsOf(lang string) words {
	if lang == "sv" {
		return swedish()
	}
	return nil
}

// say is the text in the language, with its arguments set in.
func (w words) say(english string, args ...any) string {
	text, ok := w[english]
	if !ok {
		text = english
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// asWritten is a domain as people write it; what cannot be shown so stays as it is.
func asWritten(domain string) string {
	text, err := idna.Display.ToUnicode(domain)
	if err != nil {
		return domain
	}
	return text
}
