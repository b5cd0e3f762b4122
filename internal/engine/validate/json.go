package validate

import "encoding/json"

// Answer is Mailgun's JSON of one address, and our texts.
type Answer struct {
	Row        int       `json:"row,omitempty"` // of a file
	Address    string    `json:"address"`
	Disposable bool      `json:"is_disposable_address"`
	Role       bool      `json:"is_role_address"`
	Reason     []Code    `json:"reason"`
	Result     Verdict   `json:"result,omitempty"` // empty: a row without an address
	Risk       Risk      `json:"risk,omitempty"`
	DidYouMean string    `json:"did_you_mean,omitempty"`
	Texts      Bilingual `json:"texts"`
}

// Bilingual says the same in both languages, in the order of the reasons.
type Bilingual struct {
	English []string `json:"en"`
	Swedish []string `json:"sv"`
}

func (r *Result) answer(swedish map[string]string) Answer {
	a := Answer{
		Address: r.Address, Disposable: r.Disposable, Role: r.Role, Reason: r.Codes(), Result: r.Verdict, Risk: r.Risk, DidYouMean: r.DidYouMean,
		Texts: Bilingual{make([]string, 0, len(r.Reasons)), make([]string, 0, len(r.Reasons))},
	}
	for _, reason := range r.Reasons {
		a.Texts.English = append(a.Texts.English, reason.Text.String())
		a.Texts.Swedish = append(a.Texts.Swedish, reason.Text.Tell(in(swedish)))
	}
	return a
}

// in words patterns with a dictionary.
func in(dictionary map[string]string) func(string) string {
	return func(english string) string {
		if text, ok := dictionary[english]; ok {
			return text
		}
		return english
	}
}

// Codes are the reasons as words, never nil.
func (r *Result) Codes() []Code {
	codes := make([]Code, 0, len(r.Reasons))
	for _, reason := range r.Reasons {
		codes = append(codes, reason.Code)
	}
	return codes
}

// Answer is the result as it is told to programs.
func (r *Result) Answer() Answer { return r.answer(Swedish()) }

// MarshalJSON writes the Answer.
func (r Result) MarshalJSON() ([]byte, error) { return json.Marshal(r.Answer()) }
