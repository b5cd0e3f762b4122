package config

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// EnvPrefix begins the names of environment variables that set configuration values.
const EnvPrefix = "BUDKAVLE_"

// Load reads the file at path, then the environment, and validates the whole. With path empty, or
// optional and the file absent, the defaults stand in for the file.
func Load(path string, optional bool, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && optional:
		case err != nil:
			return c, wording.Errorf("configuration %s cannot be read: %w (make one with: budkavle init --config %s)", path, err, path)
		default:
			if err := decode(path, string(data), &c); err != nil {
				return c, err
			}
		}
	}
	if err := fromEnvironment(&c, environ); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// decode reads TOML text over the values in c.
func decode(path, text string, c *Config) error {
	md, err := toml.Decode(text, c)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return wording.Errorf("configuration %s, line %d: %s", path, pe.Position.Line, pe.Message)
		}
		return wording.Errorf("configuration %s: %w", path, err)
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		return wording.Errorf("configuration %s, line %d: unknown key %q; every key is in the file that budkavle init writes",
			path, lineOf(text, key), key.String())
	}
	return nil
}

// lineOf finds the line of a key. The library gives no position for keys it did not decode.
func lineOf(text string, key toml.Key) int {
	section := strings.Join(key[:len(key)-1], ".")
	current, last := "", key[len(key)-1]
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			current = strings.Trim(strings.SplitN(line, "#", 2)[0], "[] \t")
			if current == key.String() {
				return i + 1
			}
			continue
		}
		name := strings.Trim(strings.TrimSpace(strings.SplitN(line, "=", 2)[0]), `"'`)
		if current == section && name == last {
			return i + 1
		}
	}
	return 1
}

// fromEnvironment sets every value that has a variable. Variables with our prefix that fit no key are
// errors, as unknown keys in the file are.
func fromEnvironment(c *Config, environ []string) error {
	sections := reflect.ValueOf(c).Elem()
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours {
			continue
		}
		field, ok := findField(sections, rest)
		if !ok {
			return wording.Errorf("environment variable %s fits no configuration key; the form is %sSECTION_KEY", name, EnvPrefix)
		}
		if err := setField(field, value); err != nil {
			return wording.Errorf("environment variable %s: %w", name, err)
		}
	}
	return nil
}

func findField(sections reflect.Value, name string) (reflect.Value, bool) {
	for i := range sections.NumField() {
		prefix := strings.ToUpper(sections.Type().Field(i).Tag.Get("toml")) + "_"
		key, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		section := sections.Field(i)
		for j := range section.NumField() {
			if strings.ToUpper(section.Type().Field(j).Tag.Get("toml")) == key {
				return section.Field(j), true
			}
		}
	}
	return reflect.Value{}, false
}

func setField(f reflect.Value, value string) error {
	switch f.Interface().(type) {
	case string:
		f.SetString(value)
	case []string:
		list := []string{}
		for _, v := range strings.Split(value, ",") {
			if v = strings.TrimSpace(v); v != "" {
				list = append(list, v)
			}
		}
		f.Set(reflect.ValueOf(list))
	case bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return wording.Errorf("%q is not true or false", value)
		}
		f.SetBool(b)
	case int, int64:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return wording.Errorf("%q is not a whole number", value)
		}
		f.SetInt(n)
	case time.Duration:
		d, err := time.ParseDuration(value)
		if err != nil {
			return wording.Errorf("%q is not a duration such as 90s, 15m or 4h", value)
		}
		f.SetInt(int64(d))
	default:
		return wording.Errorf("lists of tables are set in the file only")
	}
	return nil
}
