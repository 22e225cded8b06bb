// The mailauth of npm as a peer of compare.py: the same jobs and answers as pabal_peer.cpp's.
'use strict';
const fs = require('node:fs');
const readline = require('node:readline');
const { authenticate, sealMessage } = require('mailauth');
const { dkimSign } = require('mailauth/lib/dkim/sign');

const world = JSON.parse(fs.readFileSync('world.json', 'utf8'));
const resolver = async (name, type) => {
    const texts = type === 'TXT' ? world[name.toLowerCase()] : undefined;
    if (!texts) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    return texts.map(text => [text]);
};

const sign = async (job, letter) => {
    const { signatures, errors } = await dkimSign(letter, {
        canonicalization: job.c,
        signTime: new Date(job.at * 1000),
        headerList: job.headers.split(':'),
        signatureData: [{ signingDomain: job.domain, selector: job.selector, privateKey: fs.readFileSync(job.key) }]
    });
    if (errors && errors.length) throw errors[0].err || new Error('not signed');
    return Buffer.from(signatures);
};

const seal = async (job, letter) =>
    sealMessage(letter, {
        signingDomain: job.domain, selector: job.selector, privateKey: fs.readFileSync(job.key), signTime: new Date(job.at * 1000),
        authResults: job.results, cv: job.cv, headerList: job.headers.split(':')
    });

const verify = async letter => {
    const { dkim, arc } = await authenticate(letter, { mta: 'mx.example', resolver, disableDmarc: true, disableBimi: true });
    return { dkim: dkim.results.filter(one => one.id).map(one => one.status.result), arc: (arc && arc.status && arc.status.result) || 'none' };
};

(async () => {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const job = JSON.parse(line);
        let answer = {};
        try {
            const letter = fs.readFileSync(job.file);
            if (job.do === 'verify') {
                answer = await verify(letter);
            } else {
                const fields = await (job.do === 'sign' ? sign(job, letter) : seal(job, letter));
                if (!fields.length) throw new Error('not sealed');
                fs.writeFileSync(job.out, Buffer.concat([fields, letter]));
            }
        } catch (err) {
            answer = { error: `${err.name}: ${err.message}` };
        }
        process.stdout.write(JSON.stringify({ ...answer, id: job.id }) + '\n');
    }
})();
