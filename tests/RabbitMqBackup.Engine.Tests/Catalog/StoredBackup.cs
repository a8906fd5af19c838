using System.Security.Cryptography;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

/// <summary>Backups in a store whose segments are any bytes, with their true lengths and hashes.</summary>
internal static class StoredBackup
{
    internal static async Task<BackupManifest> CreateAsync(BackupStore store, string id, int queues = 2, int segments = 2, int bytes = 1000, Func<BackupManifest, BackupManifest>? change = null)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await using BackupCatalog catalog = new(store);
        DefinitionsEntry definitions = await catalog.PutDefinitionsAsync(id, "{}"u8.ToArray(), cancel);
        List<QueueEntry> entries = [];
        for (int q = 0; q < queues; q++)
        {
            List<SegmentEntry> rows = [];
            for (int s = 1; s <= segments; s++)
            {
                byte[] content = RandomNumberGenerator.GetBytes(bytes + q + s);
                string key = QueueKey.Segment("/", $"q{q}", s, Engine.Format.SegmentCompression.Zstd);
                await catalog.PutSegmentAsync(id, key, new MemoryStream(content), SHA256.HashData(content), cancel);
                rows.Add(new SegmentEntry { Key = key, Records = 10, FirstTime = TestManifests.Created, LastTime = TestManifests.Created, UncompressedBytes = 2 * content.Length, StoredBytes = content.Length, Sha256 = Convert.ToHexString(SHA256.HashData(content)).ToLowerInvariant() });
            }

            entries.Add(TestManifests.Queue($"q{q}") with { Messages = 10 * segments, Bytes = rows.Sum(row => row.UncompressedBytes), Segments = rows });
        }

        BackupManifest manifest = TestManifests.Small(id) with { Definitions = definitions, Queues = entries };
        return await catalog.CommitAsync(change?.Invoke(manifest) ?? manifest, cancel);
    }

    internal static async Task<Dictionary<string, string>> ContentAsync(BackupStore store, string prefix)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await using IObjectStore objects = store.Open();
        Dictionary<string, string> content = [];
        await foreach (ListEntry row in objects.ListAsync(prefix, new ListOptions(), cancel))
        {
            await using Stream stream = await objects.OpenReadAsync(row.Object!.Path, null, cancel);
            content[row.Key] = Convert.ToHexString(await SHA256.HashDataAsync(stream, cancel));
        }

        return content;
    }

    /// <summary>Changes one byte of an object.</summary>
    internal static async Task DamageAsync(BackupStore store, string path)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await using IObjectStore objects = store.Open();
        using MemoryStream copy = new();
        await using (Stream stream = await objects.OpenReadAsync(ObjectPath.Parse(path), null, cancel))
        {
            await stream.CopyToAsync(copy, cancel);
        }

        byte[] bytes = copy.ToArray();
        bytes[bytes.Length / 2] ^= 1;
        await objects.PutAsync(ObjectPath.Parse(path), new MemoryStream(bytes), new PutOptions(), cancel);
    }
}
