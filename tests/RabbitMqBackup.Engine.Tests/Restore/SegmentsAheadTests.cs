using System.Security.Cryptography;
using System.Text;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Format;
using RabbitMqBackup.Engine.Tests.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public sealed class SegmentsAheadTests : IAsyncDisposable
{
    private const string Id = "20261127-000000-000-00000001";

    private readonly MemoryStore _memory = new();
    private readonly BlockPool _pool = new();
    private readonly TaskCompletionSource _gate = new();
    private readonly BackupCatalog _catalog;
    private int _reads;
    private bool _hangs;

    public SegmentsAheadTests() => _catalog = new(new BackupStore("memory:", () => new WatchedStore(_memory) { AroundRead = ReadAsync }));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _catalog.DisposeAsync();

    [Fact]
    public async Task The_next_segment_is_fetched_while_one_is_read_and_each_only_once()
    {
        SourceSegment[] segments = [await StoreAsync(1), await StoreAsync(2), await StoreAsync(3)];
        await using (SegmentsAhead ahead = new(_catalog, _pool))
        {
            using (SegmentReader first = await ahead.OpenAsync(segments[0], segments[1], Cancel))
            {
                Assert.Equal("1", Body(first));
                await UntilAsync(() => Volatile.Read(ref _reads) == 2);
            }

            using (SegmentReader second = await ahead.OpenAsync(segments[1], segments[2], Cancel))
            {
                Assert.Equal("2", Body(second));
            }

            using SegmentReader third = await ahead.OpenAsync(segments[2], null, Cancel);
            Assert.Equal("3", Body(third));
        }

        Assert.Equal((3, 0), (_reads, _pool.BlocksInUse));
    }

    [Fact]
    public async Task What_was_fetched_and_is_not_wanted_gives_its_memory_back()
    {
        SourceSegment[] segments = [await StoreAsync(1), await StoreAsync(2), await StoreAsync(3)];
        await using (SegmentsAhead ahead = new(_catalog, _pool))
        {
            (await ahead.OpenAsync(segments[0], segments[1], Cancel)).Dispose();
            using SegmentReader other = await ahead.OpenAsync(segments[2], segments[1], Cancel);
            Assert.Equal("3", Body(other));
        }

        Assert.Equal(0, _pool.BlocksInUse);
    }

    [Fact]
    public async Task What_is_wrong_with_the_next_segment_is_told_when_it_is_opened()
    {
        SourceSegment[] segments = [await StoreAsync(1), (await StoreAsync(2)) with { BackupId = Id + "0" }, await StoreAsync(3)];
        await using SegmentsAhead ahead = new(_catalog, _pool);
        (await ahead.OpenAsync(segments[0], segments[1], Cancel)).Dispose();

        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(() => ahead.OpenAsync(segments[1], segments[2], Cancel));
        using SegmentReader third = await ahead.OpenAsync(segments[2], null, Cancel);

        Assert.Equal(ErrorCode.BackupIncomplete, missing.Code);
        Assert.Equal("3", Body(third));
    }

    [Fact]
    public async Task A_fetch_that_hangs_ends_with_a_cancellation_and_with_the_restore()
    {
        SourceSegment[] segments = [await StoreAsync(1), await StoreAsync(2)];
        using CancellationTokenSource given = new();
        SegmentsAhead ahead = new(_catalog, _pool);
        (await ahead.OpenAsync(segments[0], null, Cancel)).Dispose();
        _hangs = true;
        Task<SegmentReader> opening = ahead.OpenAsync(segments[1], null, given.Token);
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        Task closing = ahead.DisposeAsync().AsTask();
        _gate.SetResult();
        await closing.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.Equal(0, _pool.BlocksInUse);
    }

    private async Task<Stream> ReadAsync(Func<Task<Stream>> read)
    {
        Interlocked.Increment(ref _reads);
        if (_hangs)
        {
            await _gate.Task;
        }

        return await read();
    }

    private async Task<SourceSegment> StoreAsync(int number)
    {
        byte[] content = TestSegment.Write(RecordFormat.Binary, SegmentCompression.Zstd, [TestRecord.Message([], "q"u8.ToArray(), [], [(byte)('0' + number)])]);
        string key = QueueKey.Segment("/", "q", number, SegmentCompression.Zstd);
        byte[] hash = SHA256.HashData(content);
        await _catalog.PutSegmentAsync(Id, key, new MemoryStream(content), hash, Cancel);
        SegmentEntry entry = new() { Key = key, Records = 1, FirstTime = DateTimeOffset.UnixEpoch, LastTime = DateTimeOffset.UnixEpoch, UncompressedBytes = content.Length, StoredBytes = content.Length, Sha256 = Convert.ToHexString(hash).ToLowerInvariant() };
        return new SourceSegment(Id, entry, number - 1, NeedsFilter: false);
    }

    private static string Body(SegmentReader reader)
    {
        Assert.True(reader.TryRead(out SegmentRecord record));
        return Encoding.UTF8.GetString(record.Body.Span);
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); !isSo();)
        {
            Assert.True(DateTime.UtcNow < deadline);
            await Task.Delay(10, Cancel);
        }
    }
}
