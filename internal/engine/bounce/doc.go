// Package bounce understands failures: what a server's reply or a mail that came back says, of whom, and what follows.
//
// Rules judge. They are data (rules/0-form.toml explains them), asked in their order, those of the operator's file first; the
// first that fits decides and is named in the Verdict. Words are asked before codes, and providers' own words before all
// others'. Hard means that the address or its domain is dead; what is refused for spam, policy or a name, what is temporary
// in the words of whoever says so, and what the report itself contradicts, is not. Loading fails with the file, the line and
// the rule, also when an example is not decided by its own rule; judging never fails: what no rule knows is Unclassified.
//
// Mail reads every shape with four readers: status parts (internal/standard/dsn), complaints, mails known by sender, subject and
// header, and a scanner for text written for people, which finds the addresses and what stands behind them. There is no
// reader for a product. Messages in messages are opened where the outer one says nothing. The work is bounded whatever comes:
// some 60 ms and 12 MB for the worst mail of 1 MiB known.
//
// A Verdict is an opinion on a text that anybody may have written. Who may be believed is the other half: ReturnPaths makes and
// checks return paths that only this node's key can make, and ReadOne and ReadWhole tie a report to message and recipient.
// Where the path names one recipient, the report is about that one, whatever address the mail was forwarded to meanwhile;
// where it stands for the whole message, a report that names none of its recipients is about nobody. The package changes
// nothing: what follows is done by internal/flow/feedback and internal/flow/deliver.
package bounce
