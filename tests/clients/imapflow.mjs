// What a web mailer does with imapflow: lists, reads, searches, flags, moves, appends, waits in IDLE. Prints a line of
// JSON for each step; the test judges. Arguments: host, port, user, password.
import { ImapFlow } from 'imapflow';

const [host, port, user, pass] = process.argv.slice(2);
const say = (step, value) => console.log(JSON.stringify([step, value]));
const client = new ImapFlow({
  host, port: Number(port), secure: true, auth: { user, pass }, tls: { rejectUnauthorized: false }, logger: false,
});
await client.connect();
say('list', (await client.list()).map((box) => [box.path, box.specialUse ?? '']).sort());
await client.mailboxCreate(['Work', '한글']);
const lock = await client.getMailboxLock('INBOX');
say('exists', client.mailbox.exists);
const sources = [];
for await (const message of client.fetch('1:*', { uid: true, source: true, envelope: true, flags: true, bodyStructure: true })) {
  sources.push([message.uid, message.source.toString('base64'), message.envelope.subject, message.bodyStructure.type]);
}
say('sources', sources);
say('search', await client.search({ subject: 'message 3' }, { uid: true }));
await client.messageFlagsAdd('2', ['\\Flagged', '$Work'], { uid: true });
say('flags', [...(await client.fetchOne('2', { flags: true }, { uid: true })).flags].sort());
const { content } = await client.download('1', undefined, { uid: true });
const pieces = [];
for await (const piece of content) pieces.push(piece);
say('download', Buffer.concat(pieces).toString('base64'));
say('move', [...(await client.messageMove('1', 'Work/한글', { uid: true })).uidMap]);
say('copy', [...(await client.messageCopy('3', 'Archive', { uid: true })).uidMap]);
await client.messageDelete('4', { uid: true });
const heard = new Promise((resolve) => client.once('exists', (event) => resolve([event.prevCount, event.count])));
say('append', (await client.append('INBOX', 'Subject: appended\r\n\r\nby imapflow\r\n', ['\\Seen'])).uid);
say('heard', await heard);
say('status', await client.status('Work/한글', { messages: true, unseen: true, highestModseq: true }).then((s) => [s.messages, s.unseen]));
lock.release();
await client.logout();
