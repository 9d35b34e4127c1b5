// Azure's SDK for JavaScript against the gateway, as its users call it. One line a check: `ok NAME` or `FAIL NAME: why`.

const assert = require("node:assert/strict");
const { BlobServiceClient, StorageSharedKeyCredential } = require("@azure/storage-blob");

const URL = process.env.BLOB_URL;
const key = new StorageSharedKeyCredential(URL.split("/").at(-1), process.env.ACCOUNT_KEY);
const service = new BlobServiceClient(URL, key, { retryOptions: { maxTries: 1 } });
const checks = [];

function check(name, run) {
  checks.push([name, run]);
}

/** An empty container of that name, or one with small blobs in it. */
async function fresh(name, blobs = []) {
  const container = service.getContainerClient(name);
  await container.create();
  for (const blob of blobs) {
    await container.getBlockBlobClient(blob).uploadData(Buffer.from(blob));
  }
  return container;
}

async function names(container, options = {}) {
  const found = [];
  for await (const blob of container.listBlobsFlat(options)) {
    found.push(blob.name);
  }
  return found;
}

/** The error that a user sees. */
async function refused(call, code, status) {
  await assert.rejects(call, (error) => {
    assert.deepEqual([error.code ?? error.details?.errorCode, error.statusCode], [code, status], error.message);
    return true;
  });
}

const ODD = ["a b", "50%", "a+b", "q?x=1&y", "#hash", "ü/日本", "~!'()*;:@,$", "<&>\"", "bell\u0001", "dir\u0001/in", "\uFFFE", "line\nend"];

check("blobs with odd names go up, are listed and come down", async () => {
  const container = await fresh("odd", ODD);
  assert.deepEqual((await names(container)).sort(), [...ODD].sort());
  for (const name of ODD) {
    const content = await container.getBlobClient(name).downloadToBuffer();
    assert.equal(content.toString(), name);
  }
});

check("odd folders are walked", async () => {
  const container = await fresh("folders", ["a\u0001b/one", "a\u0001b/c\u0002/two", "plain/three"]);
  const prefixes = [];
  for await (const item of container.listBlobsByHierarchy("/")) {
    prefixes.push(item.name);
  }
  assert.deepEqual(prefixes, ["a\u0001b/", "plain/"]);
  assert.deepEqual(await names(container, { prefix: "a\u0001b/" }), ["a\u0001b/c\u0002/two", "a\u0001b/one"]);
  const below = [];
  for await (const item of container.listBlobsByHierarchy("/", { prefix: "a\u0001b/" })) {
    below.push([item.kind, item.name]);
  }
  assert.deepEqual(below, [["prefix", "a\u0001b/c\u0002/"], ["blob", "a\u0001b/one"]]);
  for (const name of await names(container)) {
    await container.deleteBlob(name);
  }
  assert.deepEqual(await names(container), []);
});

check("an empty blob comes down", async () => {
  const container = await fresh("empty");
  const blob = container.getBlockBlobClient("nothing");
  await blob.uploadData(Buffer.alloc(0));
  assert.equal((await blob.downloadToBuffer()).length, 0);
  const whole = await blob.download();
  assert.equal(whole.contentLength, 0);
  await refused(() => blob.download(0, 10), "InvalidRange", 416);
});

for (const [level, client] of [["service", () => service], ["container", (container) => container]]) {
  check(`a batch at the ${level}'s level deletes and sets tiers`, async () => {
    const all = ["one", "two", "dir/three", "odd %+\u0001"];
    const container = await fresh(`batch-${level}`, all);
    const batch = client(container).getBlobBatchClient();
    const urls = all.map((name) => container.getBlobClient(name).url);
    const set = await batch.setBlobsAccessTier(urls.slice(0, 2), key, "Cool");
    assert.deepEqual(set.subResponses.map((part) => part.status), [200, 200]);
    assert.equal((await container.getBlobClient("two").getProperties()).accessTier, "Cool");
    const gone = await batch.deleteBlobs([...urls.slice(1), `${urls[0]}-missing`], key);
    assert.deepEqual(gone.subResponses.map((part) => part.status), [202, 202, 202, 404]);
    assert.deepEqual([gone.subResponsesSucceededCount, gone.subResponsesFailedCount], [3, 1]);
    assert.equal(gone.subResponses[3].errorCode, "BlobNotFound");
    const ids = gone.subResponses.map((part) => part.headers.get("x-ms-request-id"));
    assert.equal(new Set([...ids, gone.requestId]).size, 5);
    assert.ok(gone.subResponses.every((part) => part.headers.get("x-ms-version") === gone.version));
    assert.deepEqual(await names(container), ["one"]);
  });
}

check("a container's batch keeps to its container", async () => {
  const [here, there] = [await fresh("here", ["own"]), await fresh("there", ["kept"])];
  const urls = [here.getBlobClient("own").url, there.getBlobClient("kept").url];
  const one = await here.getBlobBatchClient().deleteBlobs(urls, key);
  assert.deepEqual(one.subResponses.map((part) => [part.status, part.errorCode]), [[202, undefined], [400, "InvalidInput"]]);
  assert.deepEqual([await names(here), await names(there)], [[], ["kept"]]);
  const other = await service.getBlobBatchClient().deleteBlobs(urls, key);
  assert.deepEqual(other.subResponses.map((part) => part.status), [404, 202]);
});

check("pages that differ from a snapshot are told", async () => {
  const container = await fresh("pages");
  const disk = container.getPageBlobClient("disk");
  await disk.create(4096);
  await disk.uploadPages(Buffer.alloc(1024, "a"), 0, 1024);
  const { snapshot } = await disk.createSnapshot();
  await disk.uploadPages(Buffer.alloc(512, "b"), 2048, 512);
  await disk.clearPages(0, 512);
  const { pageRange, clearRange } = await disk.getPageRangesDiff(0, 4096, snapshot);
  // The SDK's count is that of the bytes behind the first.
  assert.deepEqual([pageRange, clearRange], [[{ offset: 2048, count: 511 }], [{ offset: 0, count: 511 }]]);
});

(async () => {
  let failed = 0;
  for (const [name, run] of checks) {
    try {
      await run();
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${error.stack}`);
    }
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
