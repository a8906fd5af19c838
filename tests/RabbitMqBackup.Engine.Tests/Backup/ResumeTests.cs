using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>A backup that was cut goes on: what it has stays as long as the queue still gives the same.</summary>
public sealed class ResumeTests : IAsyncLifetime
{
    private const int Count = 12_000;

    private TestVirtualHost _virtualHost = null!;
    private EngineHarness _harness = null!;
    private IndependentClient _client = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Checkpoints => Path.Combine(_harness.Folder, "checkpoints");

    public async ValueTask InitializeAsync()
    {
        _virtualHost = await Brokers.VirtualHostAsync();
        _harness = EngineHarness.For(_virtualHost);
        _client = await IndependentClient.ConnectAsync(_virtualHost.Broker, _virtualHost.Name);
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
            _harness.Dispose();
            await _virtualHost.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("classic", true)]
    [InlineData("quorum", true)]
    [InlineData("classic", false)]
    public async Task Segments_stay_as_long_as_the_queue_gives_the_same_messages(string type, bool sameMachine)
    {
        await FillAsync("deep", type);
        await CutAsync();
        Dictionary<string, DateTime> before = Stored();
        Assert.NotEmpty(before);

        BackupManifest manifest = await ResumeAsync(sameMachine ? Checkpoints : Path.Combine(_harness.Folder, "elsewhere"));

        Assert.Equal((BackupStatus.Complete, (long)Count), (manifest.Status, manifest.TotalMessages));
        Dictionary<string, DateTime> after = Stored();
        Assert.All(before, row => Assert.Equal(row.Value, after[row.Key]));
        Assert.Equal(Enumerable.Range(0, Count), await NumbersAsync(manifest));
        Assert.Empty((await _harness.VerifyAsync(manifest)).Findings);
        Assert.Equal(manifest.TotalSegments, after.Count);
        Assert.False(File.Exists(Path.Combine(_harness.Folder, "cut", "state", "offsets.db")));
        Assert.Equal((uint)Count, await _client.CountAsync("deep"));
    }

    [Fact]
    public async Task From_the_first_difference_on_it_is_written_under_new_names_and_the_old_ones_go()
    {
        await FillAsync("deep", "classic");
        await CutAsync();
        Dictionary<string, DateTime> before = Stored();
        await TakeAsync("deep", 3);

        BackupManifest manifest = await ResumeAsync();

        Assert.Equal(Enumerable.Range(3, Count - 3), await NumbersAsync(manifest));
        Assert.Empty((await _harness.VerifyAsync(manifest)).Findings);
        Assert.Empty(before.Keys.Intersect(Stored().Keys));
        Assert.Equal(manifest.TotalSegments, Stored().Count);
    }

    [Fact]
    public async Task A_queue_that_became_shorter_keeps_what_still_matches()
    {
        await FillAsync("deep", "classic");
        await CutAsync();
        int before = Stored().Count;
        Assert.True(before > 1, "one segment is too few for this test");
        // The same messages again, but fewer: the first segments match, what is behind them is gone.
        await _client.DeleteAsync("deep");
        await FillAsync("deep", "classic", 700);

        BackupManifest manifest = await ResumeAsync();

        Assert.Equal((BackupStatus.Complete, 700L), (manifest.Status, manifest.TotalMessages));
        Assert.Equal(Enumerable.Range(0, 700), await NumbersAsync(manifest));
        Assert.Equal(manifest.TotalSegments, Stored().Count);
    }

    [Fact]
    public async Task A_queue_that_was_finished_stays_as_it_is_though_it_be_gone()
    {
        await FillAsync("a-done", "classic", 50);
        await FillAsync("b-gone", "classic", 50);
        await FillAsync("c-deep", "classic");
        await CutAsync(options => options with { MaxConcurrentQueues = 1 }, segments: 4);
        await _client.DeleteAsync("a-done");
        await _client.DeleteAsync("b-gone");
        await FillAsync("d-new", "classic", 10);
        _harness.Failures.Clear();

        BackupManifest manifest = await ResumeAsync();

        Assert.Empty(_harness.Failures);
        Assert.Equal(["a-done", "b-gone", "c-deep", "d-new"], manifest.Queues.Select(queue => queue.Name).Order());
        Assert.Equal(50, manifest.Queues.Single(queue => queue.Name == "a-done").Messages);
        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.Empty((await _harness.VerifyAsync(manifest)).Findings);
    }

    [Fact]
    public async Task A_queue_that_is_deleted_between_the_attempts_makes_the_backup_partial()
    {
        await FillAsync("deep", "classic");
        await CutAsync();
        await _client.DeleteAsync("deep");

        BackupManifest manifest = await ResumeAsync();

        QueueEntry queue = Assert.Single(manifest.Queues);
        Assert.Equal((BackupStatus.Partial, QueueOutcome.Incomplete, nameof(ErrorCode.QueueNotFound)), (manifest.Status, queue.Outcome, queue.ErrorCode));
        Assert.Equal(Enumerable.Range(0, (int)queue.Messages), await NumbersAsync(manifest));
        Assert.Contains(_harness.Failures, failure => failure.Code == ErrorCode.QueueNotFound);
    }

    [Fact]
    public async Task What_was_read_before_a_stop_is_committed_by_it()
    {
        await FillAsync("deep", "classic");
        using CancellationTokenSource stop = new();
        _harness.OnAdvance = messages =>
        {
            if (messages > 1000)
            {
                stop.Cancel();
            }
        };
        // Far from full: only the stop can have cut the segment.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.BackupAsync(options => Named(options) with { SegmentBytes = 64 << 20 }, stop.Token));

        Assert.Single(Stored());
        _harness.OnAdvance = null;
        BackupManifest manifest = await ResumeAsync();
        Assert.Equal(Enumerable.Range(0, Count), await NumbersAsync(manifest));
        Assert.True(manifest.Queues[0].Segments[0].Records > 1000);
        Assert.Contains(Stored().Keys, key => key.EndsWith(manifest.Queues[0].Segments[0].Key.Split('/')[^1], StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_can_not_be_resumed_or_begun_is_refused_before_anything_is_touched()
    {
        await FillAsync("deep", "classic");
        await CutAsync();

        await RefusedAsync(ErrorCode.BackupExists, options => Named(options));
        await RefusedAsync(ErrorCode.BackupNotFound, options => Named(options) with { BackupId = "other", Resume = true });
        await Assert.ThrowsAsync<ArgumentException>(() => _harness.BackupAsync(options => options with { Resume = true }));
        await Assert.ThrowsAsync<ArgumentException>(() => _harness.BackupAsync(options => Named(options) with { Resume = true, Compression = SegmentCompression.Lz4 }));
        await Assert.ThrowsAsync<ArgumentException>(() => _harness.BackupAsync(options => Named(options) with { Resume = true, Selection = new QueueSelection { Names = ["d*"] } }));
        await ResumeAsync();
        await RefusedAsync(ErrorCode.BackupExists, options => Named(options) with { Resume = true });
    }

    [Fact]
    public async Task An_unfinished_backup_is_in_progress_and_is_not_restored()
    {
        await FillAsync("deep", "classic");
        await CutAsync();
        await using BackupCatalog catalog = new(_harness.Store);
        List<BackupManifest> found = [];
        await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery { IncludeIncomplete = true }, damaged => Assert.Fail(damaged.Message), Cancel))
        {
            found.Add(manifest);
        }

        BackupManifest unfinished = Assert.Single(found, manifest => manifest.BackupId == "cut");
        Assert.Equal(BackupStatus.InProgress, unfinished.Status);
        RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => _harness.RestoreAsync(unfinished));
        Assert.Equal(ErrorCode.BackupIncomplete, refusal.Code);
    }

    [Fact]
    public async Task A_damaged_checkpoint_is_named_and_the_copy_in_the_store_helps()
    {
        await FillAsync("deep", "classic");
        await CutAsync();
        string file = Assert.Single(Directory.GetFiles(Checkpoints, "*.db"));
        byte[] bytes = await File.ReadAllBytesAsync(file, Cancel);
        bytes.AsSpan(0, 200).Fill(0x55);
        await File.WriteAllBytesAsync(file, bytes, Cancel);

        RabbitBackupException damage = await RefusedAsync(ErrorCode.CheckpointDamaged, options => Named(options) with { Resume = true });
        Assert.Equal(file, damage.Target);
        await RefusedAsync(ErrorCode.CheckpointDamaged, options => Named(options) with { Resume = true });

        File.Delete(file);
        Assert.Equal(Count, (await ResumeAsync()).TotalMessages);
    }

    [Fact]
    public async Task A_copy_that_was_altered_in_the_store_is_named_and_the_checkpoint_here_helps()
    {
        await FillAsync("deep", "classic");
        await CutAsync();
        string copy = Path.Combine(_harness.Folder, "cut", "state", "offsets.db");
        byte[] bytes = await File.ReadAllBytesAsync(copy, Cancel);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(copy, bytes, Cancel);

        RabbitBackupException damage = await RefusedAsync(ErrorCode.CheckpointDamaged, options => Named(options) with { Resume = true, CheckpointPath = Path.Combine(_harness.Folder, "elsewhere") });
        Assert.Equal("cut/state/offsets.db", damage.Target);
        Assert.Equal(Count, (await ResumeAsync()).TotalMessages);
    }

    [Fact]
    public async Task A_second_run_of_the_same_backup_is_refused_while_the_first_goes_on()
    {
        await FillAsync("deep", "classic");
        TaskCompletionSource second = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using EngineHarness other = EngineHarness.For(_virtualHost);
        _harness.OnFirstSegment = () =>
        {
            try
            {
                other.BackupAsync(options => Named(options) with { Store = _harness.Store, Resume = true }).GetAwaiter().GetResult();
                second.SetResult();
            }
            catch (Exception exception)
            {
                second.SetException(exception);
            }
        };

        BackupManifest manifest = await _harness.BackupAsync(Named);

        RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => second.Task);
        Assert.Equal(ErrorCode.CheckpointInUse, refusal.Code);
        Assert.Equal(Enumerable.Range(0, Count), await NumbersAsync(manifest));
    }

    [Fact]
    public async Task A_checkpoint_folder_that_cannot_be_used_stops_the_run_before_anything_is_touched()
    {
        await FillAsync("deep", "classic", 10);
        string file = Path.Combine(_harness.Folder, "file");
        await File.WriteAllTextAsync(file, "", Cancel);

        await RefusedAsync(ErrorCode.CheckpointUnavailable, options => Named(options) with { CheckpointPath = Path.Combine(file, "folder") });
        Assert.Empty(Stored());
    }

    private async Task<RabbitBackupException> RefusedAsync(ErrorCode code, Func<Engine.Backup.BackupOptions, Engine.Backup.BackupOptions> change)
    {
        string[] before = [.. Stored().Keys];
        RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => _harness.BackupAsync(change));
        Assert.Equal(code, refusal.Code);
        Assert.NotNull(refusal.Hint);
        Assert.Equal(before, Stored().Keys);
        return refusal;
    }

    private Engine.Backup.BackupOptions Named(Engine.Backup.BackupOptions options) => options with { BackupId = "cut", SegmentBytes = 64 << 10, CheckpointPath = Checkpoints };

    /// <summary>Begins a backup and stops it after so many segments.</summary>
    private async Task CutAsync(Func<Engine.Backup.BackupOptions, Engine.Backup.BackupOptions>? change = null, int segments = 3)
    {
        using CancellationTokenSource stop = new();
        _harness.OnSegmentCount = count =>
        {
            if (count == segments)
            {
                stop.Cancel();
            }
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.BackupAsync(options => change?.Invoke(Named(options)) ?? Named(options), stop.Token));
        _harness.OnSegmentCount = null;
        _harness.Segments.Clear();
    }

    private Task<BackupManifest> ResumeAsync(string? checkpoints = null) =>
        _harness.BackupAsync(options => options with { BackupId = "cut", Resume = true, SegmentBytes = 64 << 10, CheckpointPath = checkpoints ?? Checkpoints, Selection = new QueueSelection() });

    private Task FillAsync(string queue, string type, int count = Count) => FillAsync(queue, type, Enumerable.Range(0, count));

    private async Task FillAsync(string queue, string type, IEnumerable<int> numbers)
    {
        await _client.DeclareAsync(queue, type);
        await _client.PublishAsync(queue, numbers.Select(number => (new BasicProperties { MessageId = $"{number}", Headers = new Dictionary<string, object?> { ["n"] = number } }, RandomBody(number))));
    }

    /// <summary>Does not compress, so that segments are many.</summary>
    private static byte[] RandomBody(int number)
    {
        byte[] body = new byte[200];
        new Random(number).NextBytes(body);
        return body;
    }

    private async Task TakeAsync(string queue, int count)
    {
        await using IConnection connection = await new ConnectionFactory { Uri = _virtualHost.AmqpUri }.CreateConnectionAsync(Cancel);
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: Cancel);
        for (int i = 0; i < count; i++)
        {
            Assert.NotNull(await channel.BasicGetAsync(queue, autoAck: true, Cancel));
        }
    }

    private Dictionary<string, DateTime> Stored() => Directory.Exists(Path.Combine(_harness.Folder, "cut", "queues"))
        ? Directory.GetFiles(Path.Combine(_harness.Folder, "cut", "queues"), "segment-*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToDictionary(file => file, File.GetLastWriteTimeUtc)
        : [];

    private static async Task<List<int>> NumbersAsync(BackupManifest manifest)
    {
        List<int> numbers = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancel))
            {
                int number = int.Parse(message.Properties.MessageId!, System.Globalization.CultureInfo.InvariantCulture);
                Assert.True(message.Body.AsSpan().SequenceEqual(RandomBody(number)), $"message {number} has another body");
                numbers.Add(number);
            }
        }

        return numbers;
    }
}
