// Lets the verifier of @sigstore/verify judge checkpoints and inclusion proofs of ours. Started by foreign.py.
//
//   check.js NODE_MODULES receipts FILE   [{index, size, root, entry, proof, checkpoint, vkey}, …]: which of them hold;
//                                         without a checkpoint only the inclusion is judged
//
// The answer is JSON on standard output. Its functions lie below dist and are not exported, so they are loaded by path.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const [modules, what, file] = process.argv.slice(2);
const below = path.join(modules, '@sigstore/verify/dist/timestamp');
const { verifyMerkleInclusion } = require(path.join(below, 'merkle.js'));
const { verifyCheckpoint } = require(path.join(below, 'checkpoint.js'));

const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const raw = (text) => Buffer.from(text, 'base64');

function authority(vkey) {
  const [name, id] = vkey.split('+', 2);
  const key = raw(vkey.slice(name.length + id.length + 2));
  const hash = crypto.createHash('sha256').update(name + '\n').update(key).digest();
  if (hash.subarray(0, 4).toString('hex') !== id) throw new Error('the key id does not fit the key');
  return {
    logID: hash,
    publicKey: crypto.createPublicKey({ key: Buffer.concat([SPKI, key.subarray(1)]), format: 'der', type: 'spki' }),
    validFor: { start: new Date(0), end: new Date(8640000000000000) },
  };
}

function holds(judge) {
  try {
    judge();
    return true;
  } catch (error) {
    if (error.name !== 'VerificationError' && error.code !== 'TLOG_INCLUSION_PROOF_ERROR') throw error;
    return false;
  }
}

function receipt(one) {
  const entry = {
    canonicalizedBody: raw(one.entry),
    integratedTime: '1',
    inclusionProof: {
      logIndex: String(one.index),
      treeSize: String(one.size),
      rootHash: raw(one.root),
      hashes: one.proof.map(raw),
      checkpoint: { envelope: one.checkpoint },
    },
  };
  return holds(() => {
    verifyMerkleInclusion(entry);
    if (one.checkpoint) verifyCheckpoint(entry, [authority(one.vkey)]);
  });
}

if (what !== 'receipts') process.exit(2);
process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(file, 'utf8')).map(receipt)));
