using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Tests.Catalog;

/// <summary>Manifests for tests.</summary>
internal static class TestManifests
{
    internal static readonly DateTimeOffset Created = new(2026, 11, 23, 18, 7, 2, 123, TimeSpan.Zero);

    internal static readonly string Hash = string.Concat(Enumerable.Repeat("0123456789abcdef", 4));

    internal static BackupManifest Small(string id = "b1", DateTimeOffset? created = null, int queues = 1) => new()
    {
        BackupId = id,
        Status = BackupStatus.Complete,
        CreatedAt = created ?? Created,
        CompletedAt = (created ?? Created).AddMinutes(1),
        SourceCluster = "rabbit@prod",
        RabbitMqVersion = "4.0.5",
        BackupToolVersion = "0.1.0",
        Queues = [.. Enumerable.Range(0, queues).Select(i => Queue($"q{i}"))],
    };

    internal static QueueEntry Queue(string name, string virtualHost = "/") => new()
    {
        VirtualHost = virtualHost,
        Name = name,
        Type = "classic",
        Messages = 3,
        Bytes = 300,
        DepthAtStart = 3,
        Segments = [new SegmentEntry { Key = QueueKey.Segment(virtualHost, name, 1, Engine.Format.SegmentCompression.Zstd), Records = 3, FirstTime = Created, LastTime = Created, UncompressedBytes = 300, StoredBytes = 100, Sha256 = Hash }],
    };

    /// <summary>A value in every field.</summary>
    internal static BackupManifest Full()
    {
        QueueEntry odd = new()
        {
            VirtualHost = "Ünïcode 日本 \U0001F407",
            Name = "a/b\\c\"d\n<&>'+\u2028",
            Type = "stream",
            Durable = true,
            AutoDelete = true,
            Exclusive = true,
            Arguments = new Dictionary<string, object?>
            {
                ["x-queue-type"] = "stream",
                ["x-max-length"] = 9_007_199_254_740_993L,
                ["max"] = long.MaxValue,
                ["min"] = long.MinValue,
                ["one"] = 1.0,
                ["minus-zero"] = -0.0,
                ["tiny"] = double.Epsilon,
                ["huge"] = double.MaxValue,
                ["third"] = 1.0 / 3,
                ["yes"] = true,
                ["no"] = false,
                ["none"] = null,
                ["empty"] = "",
                ["list"] = new List<object?> { 1L, 1.5, "x", null, new List<object?>(), new Dictionary<string, object?>() },
                ["table"] = new Dictionary<string, object?> { ["a"] = new Dictionary<string, object?> { ["b"] = false } },
            },
            Policy = "p1",
            Outcome = QueueOutcome.Incomplete,
            DepthAtStart = 10,
            UnacknowledgedAtStart = 2,
            Messages = 7,
            Bytes = 7_000_000_000,
            ReadBy = "consume",
            ReleasedBy = "channel-close",
            HighestDeliveryCount = 4,
            Verdict = "Caution",
            VerdictReasons = ["one", "two"],
            ErrorCode = "HoldTime",
            Reason = "it took too long",
            Gaps = [new GapEntry(3, "Retention", "gone", 100, 102), new GapEntry(null, "TakenByConsumers", "who knows")],
            Segments =
            [
                new SegmentEntry { Key = "queues/x/y/segment-0001.zst", Records = 4, FirstTime = Created, LastTime = Created.AddSeconds(1), TimesGoBack = true, FirstOffset = 0, LastOffset = 3, UncompressedBytes = 4, StoredBytes = 3, Sha256 = Hash },
                new SegmentEntry { Key = "queues/x/y/segment-0002.zst", Records = 3, FirstTime = Created, LastTime = Created, FirstOffset = 4, LastOffset = 6, UncompressedBytes = 0, StoredBytes = 1, Sha256 = Hash },
            ],
        };
        QueueEntry failed = new() { VirtualHost = "/", Name = "failed", Type = "quorum", Outcome = QueueOutcome.Failed, ErrorCode = "QueueInUse", Reason = "an exclusive consumer" };
        return Small() with { Status = BackupStatus.Partial, BasedOn = "b0", Definitions = new DefinitionsEntry("definitions/definitions.json.zst", 77, Hash), Queues = [Queue("plain"), odd, failed] };
    }
}
