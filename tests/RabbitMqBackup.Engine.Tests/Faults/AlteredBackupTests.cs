using System.Security.Cryptography;
using System.Text;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Catalog;
using RabbitMqBackup.Engine.Tests.Format;
using RabbitMqBackup.Engine.Verification;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>Every byte of a small backup altered, every truncation, one byte more: found by a deep test, with the file's name and the place; and no record comes out of an altered segment.</summary>
public sealed class AlteredBackupTests : IAsyncLifetime
{
    private const string Id = "b1";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"rmqb-altered-{Guid.NewGuid():n}");
    private BackupStore _store = null!;
    private BackupManifest _manifest = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _store = BackupStore.Parse(_folder);
        await using BackupCatalog catalog = new(_store);
        List<SegmentEntry> segments = [];
        foreach (SegmentCompression compression in Enum.GetValues<SegmentCompression>())
        {
            byte[] content = TestSegment.Write(RecordFormat.Binary, compression, Enumerable.Range(0, 3).Select(i => TestRecord.Message("ex"u8.ToArray(), "key"u8.ToArray(), [0, 0], Encoding.ASCII.GetBytes($"message {i}"), time: 1_000 + i)));
            string key = QueueKey.Segment("/", "q", segments.Count + 1, compression);
            await catalog.PutSegmentAsync(Id, key, new MemoryStream(content), null, Cancel);
            segments.Add(new SegmentEntry
            {
                Key = key,
                Records = 3,
                FirstTime = DateTimeOffset.FromUnixTimeMilliseconds(1_000),
                LastTime = DateTimeOffset.FromUnixTimeMilliseconds(1_002),
                UncompressedBytes = 100,
                StoredBytes = content.Length,
                Sha256 = Convert.ToHexString(SHA256.HashData(content)).ToLowerInvariant(),
            });
        }

        DefinitionsEntry definitions = await catalog.PutDefinitionsAsync(Id, """{"rabbitmq_version":"4.0.5","queues":[]}"""u8.ToArray(), Cancel);
        _manifest = await catalog.CommitAsync(
            TestManifests.Small(Id) with { Definitions = definitions, Queues = [TestManifests.Queue("q") with { Messages = 9, DepthAtStart = 9, Segments = segments }] }, Cancel);
        Directory.CreateDirectory(Path.Combine(_folder, Id, "state"));
        await File.WriteAllBytesAsync(Path.Combine(_folder, Id, "state", "offsets.db"), CheckpointCopy.Seal(new byte[300]), Cancel);
    }

    public ValueTask DisposeAsync()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }

        return default;
    }

    [Fact]
    public async Task The_backup_is_good_to_begin_with() => Assert.Empty((await VerifyAsync()).Findings);

    [Theory]
    [InlineData("queues/_default/q/segment-0001.raw")]
    [InlineData("queues/_default/q/segment-0002.zst")]
    [InlineData("queues/_default/q/segment-0003.lz4")]
    [InlineData("definitions/definitions.json.zst")]
    [InlineData("state/offsets.db")]
    public async Task An_altered_object_is_named_with_the_place(string key)
    {
        string path = Path.Combine(_folder, Id, key.Replace("/", Path.DirectorySeparatorChar.ToString(), StringComparison.Ordinal));
        byte[] good = await File.ReadAllBytesAsync(path, Cancel);
        int cases = 0;
        foreach (byte[] bad in Alterations(good))
        {
            await File.WriteAllBytesAsync(path, bad, Cancel);
            VerificationReport report = await VerifyAsync();
            VerificationFinding finding = Assert.Single(report.Findings, item => item.IsError);
            Assert.False(report.IsValid);
            Assert.EndsWith(key, finding.Object, StringComparison.Ordinal);
            Assert.Matches("[0-9]", finding.Message);
            if (key.StartsWith("queues/", StringComparison.Ordinal))
            {
                await AssertNoRecordAsync(key);
            }

            cases++;
        }

        Assert.Equal((good.Length * 2) + 1, cases);
    }

    [Fact]
    public async Task An_altered_manifest_is_named_and_nothing_is_read_from_it()
    {
        string path = Path.Combine(_folder, Id, "manifest.json");
        byte[] good = await File.ReadAllBytesAsync(path, Cancel);
        await using BackupCatalog catalog = new(_store);
        foreach (byte[] bad in Alterations(good))
        {
            await File.WriteAllBytesAsync(path, bad, Cancel);
            RabbitBackupException damage = await Assert.ThrowsAsync<RabbitBackupException>(() => catalog.GetAsync(Id, Cancel));
            Assert.True(damage.Code is ErrorCode.BackupIncomplete or ErrorCode.FormatTooNew, damage.Message);
            Assert.Equal($"{Id}/manifest.json", damage.Target);
            Assert.Matches("[0-9]", damage.Message);
        }
    }

    /// <summary>A bit of each byte flipped, every truncation, one byte too many.</summary>
    private static IEnumerable<byte[]> Alterations(byte[] good)
    {
        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= (byte)(1 << (i % 8));
            yield return bad;
            yield return good[..i];
        }

        yield return [.. good, 0];
    }

    private Task<VerificationReport> VerifyAsync() => new BackupVerifier().VerifyAsync(_manifest, deep: true, _ => { }, Cancel);

    private async Task AssertNoRecordAsync(string key)
    {
        await using BackupCatalog catalog = new(_store);
        SegmentEntry segment = _manifest.Queues[0].Segments.Single(entry => entry.Key == key);
        await Assert.ThrowsAsync<RabbitBackupException>(() => catalog.OpenReaderAsync(Id, segment, TestSegment.Pool, Cancel));
    }
}
