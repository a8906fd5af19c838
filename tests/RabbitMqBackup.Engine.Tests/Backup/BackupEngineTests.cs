using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

public class BackupEngineTests
{
    [Fact]
    public async Task A_queue_that_can_not_be_read_makes_the_backup_partial_and_is_told_while_the_others_are_captured()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("good", "classic");
        await client.PublishAsync("good", Numbered(100));
        await client.DeclareExclusiveAsync("mine");

        BackupManifest manifest = await harness.BackupAsync();

        Assert.Equal(BackupStatus.Partial, manifest.Status);
        Assert.Equal(100, manifest.TotalMessages);
        QueueEntry skipped = Assert.Single(manifest.Queues, queue => queue.Name == "mine");
        Assert.Equal(QueueOutcome.Skipped, skipped.Outcome);
        Assert.Equal(nameof(ErrorCode.QueueInUse), skipped.ErrorCode);
        RabbitBackupException failure = Assert.Single(harness.Failures);
        Assert.Equal(ErrorCode.QueueInUse, failure.Code);
        Assert.Equal($"{virtualHost.Name}/mine", failure.Target);
    }

    [Fact]
    public async Task Two_runs_with_one_id_do_not_meet()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("many", "classic");
        await client.PublishAsync("many", Numbered(3000, bytes: 1000));
        Task<BackupManifest>? second = null;
        harness.OnFirstSegment = () => second = harness.BackupAsync(options => options with { BackupId = "one" });

        BackupManifest manifest = await harness.BackupAsync(options => options with { BackupId = "one", SegmentBytes = 256 << 10 });

        RabbitBackupException refused = await Assert.ThrowsAsync<RabbitBackupException>(() => second!);
        Assert.True(refused.Code is ErrorCode.BackupInUse or ErrorCode.BackupExists, refused.ToString());
        Assert.True((await harness.VerifyAsync(manifest)).IsValid);
        Assert.False(Directory.Exists(Path.Combine(harness.Folder, "_leases")));
        Assert.Equal(3000u, await client.CountAsync("many"));
    }

    [Fact]
    public async Task Segments_are_cut_by_size_and_hold_every_message_in_order()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("many", "classic");
        await client.PublishAsync("many", Numbered(3000, bytes: 1000));

        BackupManifest manifest = await harness.BackupAsync(options => options with { SegmentBytes = 256 << 10 });

        QueueEntry queue = Assert.Single(manifest.Queues);
        Assert.True(queue.Segments.Count > 3, $"{queue.Segments.Count} segment(s)");
        Assert.Equal(harness.Segments.Select(segment => segment.Key), queue.Segments.Select(segment => segment.Key));
        Assert.Equal("queues/" + QueueKey.Folder(virtualHost.Name, "many").Split('/', 2)[1] + "/segment-0001.zst", queue.Segments[0].Key);
        List<string?> ids = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, TestContext.Current.CancellationToken))
            {
                ids.Add(message.Properties.MessageId);
            }
        }

        Assert.Equal(Enumerable.Range(0, 3000).Select(number => $"{number}"), ids);
    }

    [Theory]
    [InlineData(SegmentCompression.None, RecordFormat.Binary)]
    [InlineData(SegmentCompression.None, RecordFormat.Json)]
    [InlineData(SegmentCompression.Lz4, RecordFormat.Binary)]
    [InlineData(SegmentCompression.Lz4, RecordFormat.Json)]
    [InlineData(SegmentCompression.Zstd, RecordFormat.Json)]
    public async Task Every_format_restores_the_same_messages(SegmentCompression compression, RecordFormat format)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        RandomMessages random = new(seed: 7);
        await client.DeclareAsync("mixed", "quorum");
        await client.PublishAsync("mixed", Enumerable.Range(1, 500).Select(random.Next));
        List<string> before = await client.FingerprintsAsync("mixed");

        BackupManifest manifest = await harness.BackupAsync(options => options with { Compression = compression, RecordFormat = format });
        await client.DeleteAsync("mixed");
        await harness.RestoreAsync(manifest);

        Assert.Empty(harness.Failures);
        Assert.Empty((await harness.VerifyAsync(manifest)).Findings);
        Assert.Equal(before, await client.FingerprintsAsync("mixed"));
    }

    [Fact]
    public async Task An_existing_id_is_refused_before_anything_is_touched()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await harness.BackupAsync(options => options with { BackupId = "nightly" });

        RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => harness.BackupAsync(options => options with { BackupId = "nightly" }));

        Assert.Equal(ErrorCode.BackupExists, refusal.Code);
        Assert.Equal("nightly", refusal.Target);
        Assert.NotNull(refusal.Hint);
    }

    [Fact]
    public async Task A_named_queue_that_is_not_there_is_an_error_that_names_it()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);

        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(
            () => harness.BackupAsync(options => options with { Selection = new QueueSelection { Names = ["nosuch"], VirtualHosts = [virtualHost.Name] } }));

        Assert.Equal(ErrorCode.QueueNotFound, missing.Code);
        Assert.Contains("nosuch", missing.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(harness.Folder));
    }

    [Fact]
    public async Task A_cancelled_backup_gives_back_every_message_and_leaves_nothing_that_looks_like_a_backup()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("deep", "classic");
        await client.PublishAsync("deep", Numbered(20_000, bytes: 1000));
        List<string> before = await client.FingerprintsAsync("deep");
        using CancellationTokenSource stop = new();
        harness.OnFirstSegment = stop.Cancel;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => harness.BackupAsync(options => options with { SegmentBytes = 64 << 10 }, stop.Token));

        Assert.NotEmpty(harness.Segments);
        Assert.Equal(before, await client.FingerprintsAsync("deep"));
        await using BackupCatalog catalog = new(harness.Store);
        List<BackupManifest> found = [];
        await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery(), damaged => Assert.Fail(damaged.Message), TestContext.Current.CancellationToken))
        {
            found.Add(manifest);
        }

        Assert.Empty(found);
    }

    private static IEnumerable<(BasicProperties Properties, byte[] Body)> Numbered(int count, int bytes = 10) =>
        Enumerable.Range(0, count).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[bytes]));
}
