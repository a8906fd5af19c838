using System.Security.Cryptography;
using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.EndToEnd.Streams;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>What a backup that gets killed reads: filled by somebody else, and looked at by somebody else afterwards.</summary>
internal abstract class KilledSubject : IAsyncDisposable
{
    internal const int Messages = 5_000;

    internal abstract EngineHarness Harness { get; }

    /// <summary>A filled one for a round.</summary>
    internal abstract Task<string> FillAsync(int round);

    /// <summary>Every message is there and ready, and in its place.</summary>
    internal abstract Task AssertUnchangedAsync(string queue, string place);

    /// <summary>A backup holds just what it holds, in that order.</summary>
    internal abstract Task AssertHeldAsync(BackupManifest manifest, string queue, string place);

    /// <summary>The round is over.</summary>
    internal abstract Task RemoveAsync(string queue);

    public abstract ValueTask DisposeAsync();

    internal static async Task<KilledSubject> StartAsync(string type) => type == "stream" ? new StreamSubject(await StreamBed.StartAsync()) : await QueueSubject.OpenAsync(type);

    /// <summary>A classic or quorum queue, a new one for each round: a second kill moves messages of a quorum queue (docs/SAFETY.md).</summary>
    private sealed class QueueSubject(string type, TestVirtualHost virtualHost, IndependentClient client) : KilledSubject
    {
        private static readonly string[] Expected = [.. Enumerable.Range(0, Messages).Select(number => $"{number}")];

        internal override EngineHarness Harness { get; } = EngineHarness.For(virtualHost);

        internal static async Task<QueueSubject> OpenAsync(string type)
        {
            TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
            return new QueueSubject(type, virtualHost, await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name));
        }

        internal override async Task<string> FillAsync(int round)
        {
            string queue = $"q-{round}";
            await client.DeclareAsync(queue, type);
            await client.PublishAsync(queue, Expected.Select(number => (new BasicProperties { MessageId = number }, Encoding.ASCII.GetBytes(number.PadRight(300)))));
            return queue;
        }

        /// <summary>A look at the messages is a delivery as well: that is left for the end, when the backup is complete.</summary>
        internal override Task AssertUnchangedAsync(string queue, string place) => client.UntilCountAsync(queue, Messages, place);

        internal override async Task AssertHeldAsync(BackupManifest manifest, string queue, string place)
        {
            List<string> numbers = [];
            foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
            {
                await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, TestContext.Current.CancellationToken))
                {
                    Assert.Equal(message.Properties.MessageId!.PadRight(300), Encoding.ASCII.GetString(message.Body));
                    numbers.Add(message.Properties.MessageId!);
                }
            }

            Assert.True(Expected.SequenceEqual(numbers), place);
            await client.UntilCountAsync(queue, Messages, place);
            Assert.True(Expected.SequenceEqual((await client.FingerprintsAsync(queue)).Select(fingerprint => fingerprint.Split(':')[0])), place);
        }

        internal override Task RemoveAsync(string queue) => client.DeleteAsync(queue);

        public override async ValueTask DisposeAsync()
        {
            await client.DisposeAsync();
            Harness.Dispose();
            await virtualHost.DisposeAsync();
        }
    }

    /// <summary>One stream for all rounds, since nobody takes anything out of it; plain entries and batches of every compression, in many chunks.</summary>
    private sealed class StreamSubject(StreamBed bed) : KilledSubject
    {
        private const string Stream = "log";
        private const int Slice = 100;

        private (string Sha256, long Messages)? _content;

        internal override EngineHarness Harness => bed.Harness;

        internal override async Task<string> FillAsync(int round)
        {
            if (_content is null)
            {
                await bed.CreateAsync(Stream);
                foreach (byte[][] entries in StreamBed.Mixed(Messages, 300).Chunk(Slice))
                {
                    // Each slice is confirmed before the next: so there are as many chunks at least.
                    await bed.PublishAsync(Stream, entries);
                }

                _content = await bed.FingerprintAsync(Stream);
            }

            return Stream;
        }

        internal override async Task AssertUnchangedAsync(string queue, string place) => Assert.True(_content == await bed.FingerprintAsync(Stream), $"the stream is another one ({place})");

        internal override async Task AssertHeldAsync(BackupManifest manifest, string queue, string place)
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            long messages = 0;
            await using BackupCatalog catalog = new(manifest.Store!);
            foreach (SegmentEntry segment in manifest.Queues.Single().Segments)
            {
                using SegmentReader reader = await catalog.OpenReaderAsync(manifest.BackupId, segment, new BlockPool(), TestContext.Current.CancellationToken);
                while (reader.TryRead(out SegmentRecord record))
                {
                    hash.AppendData(record.Entries.Span);
                    messages += record.Messages;
                }
            }

            Assert.True(_content == (Convert.ToHexString(hash.GetHashAndReset()), messages), $"the backup holds other entries than the stream ({place})");
        }

        internal override Task RemoveAsync(string queue) => Task.CompletedTask;

        public override ValueTask DisposeAsync() => bed.DisposeAsync();
    }
}
