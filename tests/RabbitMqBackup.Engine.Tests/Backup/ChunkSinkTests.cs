using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Chunks of any shape, in pieces of any size, whole and damaged, into segments and out of them.</summary>
public sealed class ChunkSinkTests : IAsyncDisposable
{
    private readonly string _checkpoints = Directory.CreateTempSubdirectory("rabbit-backup-test-").FullName;
    private readonly List<BackupJournal> _journals = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("rabbit-backup-test-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (BackupJournal journal in _journals)
        {
            await journal.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_checkpoints, recursive: true);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Entries_come_out_as_they_went_in_whatever_the_pieces(int seed)
    {
        Random random = new(seed);
        await using ChunkSink sink = NewSink(0, segmentBytes: 200_000);
        List<byte> expected = [];
        ulong offset = 0;
        for (int i = 0; i < 30; i++)
        {
            byte[] data = [.. Enumerable.Range(0, random.Next(1, 60)).SelectMany(_ => RandomEntry(random))];
            offset = await DriveAsync(sink, offset, data, pieces: random);
            expected.AddRange(data);

            // Tracking chunks take an offset now and then.
            offset += (ulong)random.Next(2);
        }

        await sink.CompleteAsync(Stop);

        (List<byte> entries, List<long> offsets) = await ReadAsync(sink.Segments);
        Assert.Equal(expected, entries);
        Assert.Equal(offsets.Order(), offsets);
        Assert.True(sink.Segments.Count > 1);
        Assert.Empty(sink.DamagedChunks);
    }

    [Fact]
    public async Task A_large_chunk_that_comes_damaged_is_read_again_and_is_whole_if_it_comes_whole_then()
    {
        await using ChunkSink sink = NewSink(0);
        byte[] before = Plain(10, 100);
        byte[] large = Plain(300, 10_000);
        await DriveAsync(sink, 0, before);
        await Assert.ThrowsAsync<RabbitBackupException>(() => DriveAsync(sink, 10, large, intact: false));

        // The segment that holds a part of it is given up whole.
        Assert.Equal(0, sink.Rewind());
        await DriveAsync(sink, 0, before);
        await DriveAsync(sink, 10, large);
        await sink.CompleteAsync(Stop);

        Assert.Empty(sink.DamagedChunks);
        Assert.Equal([.. before, .. large], (await ReadAsync(sink.Segments)).Entries);
    }

    [Fact]
    public async Task A_chunk_that_comes_damaged_twice_is_a_gap_and_the_others_are_there()
    {
        await using ChunkSink sink = NewSink(0);
        byte[] large = Plain(300, 10_000);
        byte[] after = Plain(5, 100);
        await Assert.ThrowsAsync<RabbitBackupException>(() => DriveAsync(sink, 0, large, intact: false));
        sink.Rewind();
        await DriveAsync(sink, 0, large, intact: false);
        await DriveAsync(sink, 300, after);
        await sink.CompleteAsync(Stop);

        Assert.Equal([new StreamGap(0, 299, StreamGapKind.Corrupt)], sink.DamagedChunks);
        Assert.Equal(after, (await ReadAsync(sink.Segments)).Entries);
    }

    [Fact]
    public async Task A_connection_lost_in_a_large_chunk_leaves_nothing_of_it()
    {
        await using ChunkSink sink = NewSink(0);
        byte[] first = Plain(10, 100);
        byte[] large = Plain(300, 10_000);
        await DriveAsync(sink, 0, first);
        ChunkHeader header = Header(10, large);
        sink.OnChunk(header);
        sink.OnData(large.AsSpan(0, large.Length - 5));

        long next = sink.Rewind();

        Assert.Equal(0, next);
        await DriveAsync(sink, 0, first);
        await DriveAsync(sink, 10, large);
        await sink.CompleteAsync(Stop);
        Assert.Equal([.. first, .. large], (await ReadAsync(sink.Segments)).Entries);
    }

    [Fact]
    public async Task A_connection_lost_between_chunks_keeps_what_is_there()
    {
        await using ChunkSink sink = NewSink(0);
        byte[] first = Plain(10, 100);
        byte[] second = Plain(7, 100);
        await DriveAsync(sink, 0, first);
        Assert.Equal(10, sink.Rewind());

        // The broker begins at a chunk's start: what is there already is passed.
        await DriveAsync(sink, 0, first);
        await DriveAsync(sink, 10, second);
        await sink.CompleteAsync(Stop);

        Assert.Equal([.. first, .. second], (await ReadAsync(sink.Segments)).Entries);
    }

    [Fact]
    public async Task Messages_before_the_beginning_are_left_out_also_in_the_middle_of_a_batch()
    {
        await using ChunkSink sink = NewSink(5);
        byte[][] members = [.. Enumerable.Range(0, 6).Select(i => TestEntries.Data([(byte)i]))];
        byte[] last = TestEntries.Plain(TestEntries.Data([99]));
        await DriveAsync(sink, 0, [.. TestEntries.Plain(TestEntries.Data([50])), .. TestEntries.Batch(BatchCodec.Gzip, members), .. last]);
        await sink.CompleteAsync(Stop);

        (List<byte> entries, List<long> offsets) = await ReadAsync(sink.Segments);
        Assert.Equal([5, 6, 7], offsets);
        Assert.Equal([.. TestEntries.Plain(members[4]), .. TestEntries.Plain(members[5]), .. last], entries);
    }

    [Fact]
    public async Task A_batch_without_messages_is_passed_since_it_holds_none()
    {
        await using ChunkSink sink = NewSink(0);
        byte[] first = Plain(1, 10);
        byte[] second = Plain(1, 20);
        await DriveAsync(sink, 0, [.. first, .. TestEntries.RawBatch(0, 0, 0, []), .. second]);
        await sink.CompleteAsync(Stop);

        Assert.Empty(sink.DamagedChunks);
        Assert.Equal([.. first, .. second], (await ReadAsync(sink.Segments)).Entries);
    }

    [Fact]
    public async Task A_chunk_whose_header_lies_is_a_gap_though_its_CRC_matches()
    {
        await using ChunkSink sink = NewSink(0);
        byte[] data = Plain(10, 100);
        foreach (ChunkHeader lie in (ChunkHeader[])[Header(0, data) with { Records = 11 }, Header(11, data) with { Entries = 9 }, Header(21, data) with { Timestamp = long.MaxValue }])
        {
            sink.OnChunk(lie);
            sink.OnData(data);
            sink.OnChunkEnd(intact: true);
        }

        await DriveAsync(sink, 31, data);
        await sink.CompleteAsync(Stop);

        Assert.Equal([new StreamGap(0, 10, StreamGapKind.Corrupt), new StreamGap(11, 20, StreamGapKind.Corrupt), new StreamGap(21, 30, StreamGapKind.Corrupt)], sink.DamagedChunks);
        Assert.Equal(data, (await ReadAsync(sink.Segments)).Entries);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Whatever_a_chunk_holds_what_is_stored_can_be_read(int seed)
    {
        Random random = new(seed);
        await using ChunkSink sink = NewSink(0);
        ulong offset = 0;
        for (int i = 0; i < 300; i++)
        {
            byte[] data = [.. Enumerable.Range(0, random.Next(1, 20)).SelectMany(_ => RandomEntry(random))];
            for (int j = random.Next(4); j > 0; j--)
            {
                data[random.Next(data.Length)] ^= (byte)(1 << random.Next(8));
            }

            ChunkHeader header = Header(offset, data) with { Records = (uint)random.Next(1, 100) };
            offset = header.NextOffset;
            sink.OnChunk(header);
            sink.OnData(data);
            sink.OnChunkEnd(intact: true);
            await sink.OnPauseAsync(Stop);
        }

        await sink.CompleteAsync(Stop);
        await ReadAsync(sink.Segments);
        Assert.Equal((long)offset, sink.NextOffset);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_does_not_keep_a_segment_open()
    {
        TestClock clock = new();
        await using ChunkSink sink = NewSink(0, time: clock);
        ulong offset = await DriveAsync(sink, 0, Plain(3, 10));

        clock.Now -= TimeSpan.FromHours(3);
        clock.Passed += TimeSpan.FromMinutes(4);
        offset = await DriveAsync(sink, offset, Plain(3, 10));
        clock.Passed += TimeSpan.FromMinutes(2);
        offset = await DriveAsync(sink, offset, Plain(3, 10));
        await DriveAsync(sink, offset, Plain(3, 10));
        await sink.CompleteAsync(Stop);

        // After the 5 minutes that are the default.
        Assert.Equal([9L, 3L], sink.Segments.Select(segment => segment.Records));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_segment_is_stored_before_the_one_in_front_of_it_is_committed(bool fails)
    {
        using ManualResetEventSlim release = new();
        List<long?> committed = [];
        await using ChunkSink sink = NewSink(0, segmentBytes: 1000, committed: segment =>
        {
            release.Wait(Stop);
            committed.Add(segment.FirstOffset);
            if (fails)
            {
                throw new RabbitBackupException(ErrorCode.StorageUnavailable, "no more");
            }
        });
        await DriveAsync(sink, 0, Plain(20, 100));
        await DriveAsync(sink, 20, Plain(20, 100));

        // The second has had time enough to be compressed.
        while (StoredSegments() == 0)
        {
            await Task.Delay(10, Stop);
        }

        await Task.Delay(200, Stop);
        Assert.Equal(1, StoredSegments());
        release.Set();

        if (fails)
        {
            await Assert.ThrowsAsync<RabbitBackupException>(() => sink.CompleteAsync(Stop));
        }
        else
        {
            await sink.CompleteAsync(Stop);
        }

        Assert.Equal(fails ? [0] : [0, 20], committed);
        Assert.Equal(committed.Count, StoredSegments());
    }

    private int StoredSegments() => Directory.GetFiles(_folder, "segment-*", SearchOption.AllDirectories).Length;

    private ChunkSink NewSink(long next, long segmentBytes = 64 << 20, TimeProvider? time = null, Action<SegmentEntry>? committed = null)
    {
        BackupPlan plan = new()
        {
            BackupId = "b",
            ClusterName = "c",
            RabbitMqVersion = "4.3.6",
            Queues = [],
            Options = new BackupOptions { Broker = new BrokerOptions(), Store = BackupStore.Parse(_folder), SegmentBytes = segmentBytes, Compression = SegmentCompression.None },
        };
        CheckpointJob job = new() { Kind = BackupCheckpoint.Kind, Id = "b", Store = _folder, CreatedAt = DateTimeOffset.UtcNow };
        BackupJournal journal = new(CheckpointDatabase.Open(Path.Combine(_checkpoints, $"{Guid.NewGuid():N}.db")), job, null, new Dictionary<string, long>(), trouble => Assert.Fail(trouble.Message));
        _journals.Add(journal);
        CaptureContext context = new(plan, new BackupCatalog(plan.Options.Store), journal, LogMessages.Silent.Instance, time ?? TimeProvider.System)
        {
            Management = new ManagementClient(plan.Options.Broker),
            Policies = new CurrentPolicies(new ManagementClient(plan.Options.Broker), TimeProvider.System),
            Others = new OtherRuns(new ManagementClient(plan.Options.Broker), TimeProvider.System),
            Members = new QueueMembers(new ManagementClient(plan.Options.Broker)),
        };
        return new ChunkSink(context, journal.Of("/", "s"), number => QueueKey.Segment("/", "s", number, SegmentCompression.None), committed ?? (_ => { }), next);
    }

    /// <summary>Gives a chunk to the sink as a reader does.</summary>
    /// <returns>The offset after it.</returns>
    private static async Task<ulong> DriveAsync(ChunkSink sink, ulong offset, byte[] data, bool intact = true, Random? pieces = null)
    {
        ChunkHeader header = Header(offset, data);
        sink.OnChunk(header);
        for (int at = 0; at < data.Length;)
        {
            int count = Math.Min(data.Length - at, pieces?.Next(1, 400_000) ?? 512 << 10);
            sink.OnData(data.AsSpan(at, count));
            at += count;
            await sink.OnPauseAsync(Stop);
        }

        sink.OnChunkEnd(intact);
        await sink.OnPauseAsync(Stop);
        return header.NextOffset;
    }

    private static ChunkHeader Header(ulong offset, byte[] data)
    {
        ChunkEntryReader reader = new(data, 0);
        ushort entries = 0;
        while (reader.TryRead(out _, out _))
        {
            entries++;
        }

        return new ChunkHeader(ChunkType.User, entries, (uint)reader.NextOffset, 1_700_000_000_000, 1, offset, 0, (uint)data.Length, 0, 0);
    }

    private static byte[] Plain(int count, int bytes) => [.. Enumerable.Range(0, count).SelectMany(i => TestEntries.Plain(TestEntries.Data(Enumerable.Repeat((byte)i, bytes).ToArray())))];

    private static byte[] RandomEntry(Random random)
    {
        byte[] body = new byte[random.Next(10) == 0 ? random.Next(200_000) : random.Next(300)];
        random.NextBytes(body);
        return random.Next(4) == 0
            ? TestEntries.Batch((BatchCodec)random.Next(5), TestEntries.Data(body), TestEntries.Data([1, 2, 3]))
            : TestEntries.Plain(TestEntries.Data(body));
    }

    /// <summary>All entries, and the first offset of each record.</summary>
    private async Task<(List<byte> Entries, List<long> Offsets)> ReadAsync(IReadOnlyList<SegmentEntry> segments)
    {
        await using BackupCatalog catalog = new(BackupStore.Parse(_folder));
        List<byte> entries = [];
        List<long> offsets = [];
        foreach (SegmentEntry segment in segments)
        {
            using SegmentReader reader = await catalog.OpenReaderAsync("b", segment, new BlockPool(), Stop);
            while (reader.TryRead(out SegmentRecord record))
            {
                entries.AddRange(record.Entries.Span);
                offsets.Add(record.FirstOffset);
            }
        }

        return (entries, offsets);
    }

    private sealed class TestClock : TimeProvider
    {
        internal DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch.AddYears(50);

        internal TimeSpan Passed { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Now;

        public override long GetTimestamp() => Passed.Ticks;
    }
}
