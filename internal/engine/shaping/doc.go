// Package shaping says how hard a site may be driven, and what to change when it complains.
//
// Rules are data: the embedded file rules.toml, and before it a file of the operator's. They are asked in one order: the
// operator's from its top, then, for a fixed route, what the configuration gives for it, then the embedded ones from the
// top. A rule fits when all conditions that it has hold. Precedence is by knob and not by rule: the first rule that fits
// and has the knob decides it, so a rule of one line changes one number and leaves the others to those after it. Every
// number knows the rule, file and line that gave it. The last embedded rule has no condition and every knob, so there is
// always an answer.
//
// Answers of servers act by the [[answer]] rules of the same files, the first that fits deciding: they lower the rate or
// the sessions of a path, rest it, or have its mail take another source address. A State holds what is in force, for at
// most maxPaths paths. What was lowered climbs back: for each period without complaint half of what is missing is given
// back, until a twentieth is missing.
//
// The package does no I/O but to read the file, keeps no clock and is not safe for concurrent use where it changes
// (State); a Table is not changed after it was made and may be shared. Only loading can fail; its errors name file, line
// and rule. It does not enforce: the scheduler keeps to the numbers, and eases by itself a site whose complaint no rule
// knows.
package shaping
