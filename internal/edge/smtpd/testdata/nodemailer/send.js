// Sends the message in a file. usage: send.js HOST PORT starttls|implicit CA USER PASSWORD FROM TO FILE
const fs = require('fs');
const nodemailer = require('nodemailer');

const [host, port, tls, ca, user, pass, from, to, file] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  host, port: Number(port), secure: tls === 'implicit', requireTLS: tls === 'starttls', auth: {user, pass}, tls: {ca: fs.readFileSync(ca)},
});
transport.sendMail({envelope: {from, to: to.split(',')}, raw: fs.readFileSync(file)}).then(
  (info) => console.log(info.response),
  (err) => { console.error(err); process.exit(1); },
);
