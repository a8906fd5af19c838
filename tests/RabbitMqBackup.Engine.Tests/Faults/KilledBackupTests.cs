using System.Text;
using Amazon.S3;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>SIGKILL at random moments: the broker has every message, the store nothing that looks whole and isn't, and resuming completes it.</summary>
public sealed class KilledBackupTests
{
    private const int Messages = 5_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("classic", false)]
    [InlineData("quorum", false)]
    [InlineData("classic", true)]
    public async Task A_backup_that_is_killed_anywhere_loses_nothing_and_is_completed_by_resuming_it(string type, bool inS3)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        (string address, Dictionary<string, string> environment) = inS3 ? await BucketAsync() : (harness.Folder, []);
        BackupStore store = BackupStore.Parse(address);
        await using BackupCatalog catalog = new(store);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        int seed = Environment.TickCount;
        Random random = new(seed);
        string[] expected = [.. Enumerable.Range(0, Messages).Select(number => $"{number}")];

        int segments = 0, killed = 0, resumed = 0;
        int rounds = LongRun.Count(5, 68);
        for (int round = 0; round < rounds; round++)
        {
            string id = $"round-{round}", queue = $"q-{round}", place = $"seed {seed}, round {round}";
            string checkpoints = Path.Combine(harness.Folder, "checkpoints", "a");
            await client.DeclareAsync(queue, type);
            await client.PublishAsync(queue, expected.Select(number => (new BasicProperties { MessageId = number }, Encoding.ASCII.GetBytes(number.PadRight(300)))));

            // The first is not killed: it says how many segments there are. Some of the others die before the first, or after the last.
            bool wasKilled;
            using (CrashChild child = await CrashChild.StartAsync(harness.Broker, virtualHost.Name, queue, address, id, checkpoints, resume: false, environment))
            {
                wasKilled = await child.KillAfterAsync(
                    round == 0 ? int.MaxValue : random.Next(segments + 1), round == 0 ? TimeSpan.FromMinutes(2) : TimeSpan.FromMilliseconds(random.Next(300)));
                killed += wasKilled ? 1 : 0;
                await client.UntilCountAsync(queue, Messages, place);
            }

            bool isComplete = await catalog.ExistsAsync(id, Cancel);
            if (!isComplete)
            {
                RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => catalog.GetAsync(id, Cancel));
                Assert.True(refusal.Code is ErrorCode.BackupIncomplete or ErrorCode.BackupNotFound, place);
                bool begun = refusal.Code == ErrorCode.BackupIncomplete;
                resumed += begun ? 1 : 0;

                // Every other time as on another machine, which has only the copy in the store.
                await harness.BackupAsync(options => options with
                {
                    Store = store,
                    BackupId = id,
                    Resume = begun,
                    // One that was killed before it had stored anything leaves its lease all the same.
                    BreakStaleLease = true,
                    SegmentBytes = 64 << 10,
                    Selection = begun ? new() : new() { Names = [queue], VirtualHosts = [virtualHost.Name] },
                    CheckpointPath = round % 2 == 0 ? checkpoints : Path.Combine(harness.Folder, "checkpoints", "b"),
                });
            }

            BackupManifest manifest = await catalog.GetAsync(id, Cancel);
            segments = Math.Max(segments, manifest.TotalSegments);
            Assert.Equal((BackupStatus.Complete, (long)Messages), (manifest.Status, manifest.TotalMessages));
            Assert.Empty((await harness.VerifyAsync(manifest)).Findings);
            Assert.Equal(expected, await NumbersAsync(manifest));
            // One that was killed after its manifest was there had no time to remove its checkpoint's copy, which goes with the backup.
            await AssertNothingElseAsync(catalog, manifest, mayHoldState: wasKilled && isComplete, place);
            await client.UntilCountAsync(queue, Messages, place);
            Assert.True(expected.SequenceEqual((await client.FingerprintsAsync(queue)).Select(fingerprint => fingerprint.Split(':')[0])), place);
            await client.DeleteAsync(queue);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{type}, {(inS3 ? "S3" : "folder")}: {rounds} rounds, {killed} killed, {resumed} resumed, seed {seed}");
        Assert.True(killed > 0, "no run was killed before its end");
    }

    private static async Task<List<string>> NumbersAsync(BackupManifest manifest)
    {
        List<string> numbers = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancel))
            {
                numbers.Add(message.Properties.MessageId!);
            }
        }

        return numbers;
    }

    private static async Task AssertNothingElseAsync(BackupCatalog catalog, BackupManifest manifest, bool mayHoldState, string place)
    {
        HashSet<string> known = [.. manifest.Queues.SelectMany(queue => queue.Segments).Select(segment => $"{manifest.BackupId}/{segment.Key}"), $"{manifest.BackupId}/manifest.json"];
        if (mayHoldState)
        {
            known.Add($"{manifest.BackupId}/state/offsets.db");
        }

        await foreach (ListEntry row in catalog.Objects.ListAsync($"{manifest.BackupId}/", new ListOptions(), Cancel))
        {
            Assert.True(known.Contains(row.Key), $"{row.Key} is left over ({place})");
        }
    }

    private static async Task<(string Address, Dictionary<string, string> Environment)> BucketAsync()
    {
        CephServer server;
        try
        {
            server = await CephServer.GetAsync();
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
            throw;
        }

        string bucket = $"killed-{Guid.NewGuid():n}";
        using AmazonS3Client admin = new(server.AccessKey, server.SecretKey, new AmazonS3Config { ServiceURL = server.Endpoint.ToString(), ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
        await admin.PutBucketAsync(bucket, Cancel);
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", server.AccessKey);
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", server.SecretKey);
        return ($"s3://{bucket}/backups?endpoint={Uri.EscapeDataString(server.Endpoint.ToString())}&region=us-east-1&path_style=true", []);
    }
}
