using RabbitMQ.Client;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>
/// SIGKILL while messages near, or at, their delivery limit are held: a reader that dies counts one on every version, and a message that is at its limit then is dropped or dead-lettered. With RABBITMQ_TEST_LONG for each version
/// and source of the limit, five rounds or ten each. docs/SAFETY.md names these tests.
/// </summary>
public sealed class KilledAtLimitTests
{
    private const int Messages = 2_000;
    private const string DeadLetters = "dead";

    /// <summary>Generation, where the limit comes from, the limit, and the count at which reading stops.</summary>
    public static TheoryData<string, string, int, int> Limits => LongRun.IsOn
        ? new()
        {
            { "3.10", "policy", 20, 16 },
            { "3.10", "policy", 3, 2 },
            { "3.10", "argument", 3, 2 },
            { "4.0", "default", 20, 16 },
            { "4.0", "policy", 3, 2 },
            { "4.0", "argument", 3, 2 },
            { "4.3", "default", 20, 20 },
            { "4.3", "policy", 3, 3 },
            { "4.3", "argument", 3, 3 },
        }
        : new() { { "4.0", "argument", 3, 2 }, { "4.3", "policy", 3, 3 } };

    /// <summary>Those of them that a policy of ours raises.</summary>
    public static TheoryData<string, string, int> Raisable => LongRun.IsOn
        ? new() { { "3.10", "policy", 20 }, { "3.10", "policy", 3 }, { "4.0", "default", 20 }, { "4.0", "policy", 3 } }
        : new() { { "4.0", "policy", 3 } };

    /// <summary>Versions, and sources of the limit.</summary>
    public static TheoryData<string, string, int> Reached => LongRun.IsOn
        ? new() { { "3.10", "policy", 3 }, { "4.0", "default", 20 }, { "4.0", "argument", 3 }, { "4.3", "default", 20 }, { "4.3", "argument", 3 } }
        : new() { { "4.0", "policy", 3 } };

    /// <summary>Those whose returns count.</summary>
    public static TheoryData<string> Counting => LongRun.IsOn ? new("3.10", "4.0") : new("4.0");

    /// <summary>To bring two thousand messages to a count of 20 takes longer than all else.</summary>
    private static int Rounds(int limit) => LongRun.Count(1, limit == 20 ? 5 : 10);

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task A_reader_that_is_killed_at_the_highest_count_that_it_reads_on_at_loses_nothing(string generation, string source, int limit, int stop) =>
        Assert.Equal(0, await KillAsync(generation, source, limit, count: stop - 1, forced: false, untilHeld: Messages - 1));

    [Theory]
    [MemberData(nameof(Raisable))]
    public async Task A_forced_reader_that_is_killed_when_all_it_holds_is_at_the_limit_loses_nothing(string generation, string source, int limit) =>
        Assert.Equal(0, await KillAsync(generation, source, limit, count: limit, forced: true, untilHeld: Messages - 1));

    /// <summary>One message is fetched to know its count, and is in danger until it is back, or the limit is raised.</summary>
    [Theory]
    [MemberData(nameof(Reached))]
    public async Task A_reader_that_is_killed_before_it_could_help_what_the_application_brought_to_the_limit_loses_one_message_at_most(string generation, string source, int limit)
    {
        int lost = await KillAsync(generation, source, limit, count: limit, forced: false, untilHeld: 1);
        Assert.True(lost <= Rounds(limit), $"{lost} in {Rounds(limit)} rounds");
    }

    /// <summary>Where only copies help, what is at the limit is published again a hundred messages at a time: so many are in danger, and no more.</summary>
    [Theory]
    [MemberData(nameof(Counting))]
    public async Task A_forced_reader_that_is_killed_where_the_limit_is_an_argument_loses_at_most_what_it_holds_at_a_time(string generation)
    {
        int lost = await KillAsync(generation, "argument", limit: 1, count: 1, forced: true, untilHeld: 1);
        Assert.True(lost <= 100 * Rounds(1), $"{lost} in {Rounds(1)} rounds");
    }

    /// <summary>Messages that are in the dead letters only, over all rounds; each round has a queue of its own.</summary>
    private static async Task<int> KillAsync(string generation, string source, int limit, int count, bool forced, int untilHeld)
    {
        await using TestVirtualHost host = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(host.Broker, host.Name);
        await client.DeclareAsync(DeadLetters, "classic");
        if (source == "policy")
        {
            using StringContent policy = new($$"""{"pattern":"^q-","apply-to":"queues","priority":1,"definition":{"delivery-limit":{{limit}} } }""");
            policy.Headers.ContentType = new("application/json");
            using HttpResponseMessage put = await host.Broker.Management.PutAsync($"policies/{Uri.EscapeDataString(host.Name)}/limit", policy, TestContext.Current.CancellationToken);
            put.EnsureSuccessStatusCode();
        }

        int lost = 0, killed = 0, caught = 0;
        for (int round = 0; round < Rounds(limit); round++)
        {
            string queue = $"q-{round}";
            await FillAsync(client, queue, source == "argument" ? limit : null, count);
            uint before = await client.CountAsync(DeadLetters);
            (bool wasKilled, bool held) = await KillOneAsync(host, harness, client, queue, forced, untilHeld);
            killed += wasKilled ? 1 : 0;
            caught += wasKilled && held ? 1 : 0;
            uint gone = 0;
            // A copy can be there when its original is not acknowledged yet.
            for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await client.CountAsync(queue) + (gone = await client.CountAsync(DeadLetters) - before) < Messages; await Task.Delay(50))
            {
                Assert.True(DateTime.UtcNow < deadline, $"{await client.CountAsync(queue)} of {Messages} in round {round}, {gone} are dead letters.");
            }

            lost += (int)gone;
            int left = (await client.TakeIdsAsync(queue)).Distinct().Count();
            Assert.InRange(left, Messages - (int)gone, Messages);
            gone = (uint)(Messages - left);
            await client.DeleteAsync(queue);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{generation} {source} {limit}, count {count}, forced {forced}: {Rounds(limit)} rounds, {killed} kills, {caught} while {untilHeld} or more were held, {lost} message(s) lost");
        return lost;
    }

    private static async Task FillAsync(IndependentClient client, string queue, int? limit, int count)
    {
        Dictionary<string, object?> arguments = new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = DeadLetters };
        if (limit is not null)
        {
            arguments["x-delivery-limit"] = limit;
        }

        await client.DeclareAsync(queue, "quorum", arguments);
        await client.PublishAsync(queue, Enumerable.Range(0, Messages).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[300])));
        for (int i = 0; i < count; i++)
        {
            await client.FingerprintsAsync(queue);
        }
    }

    private static async Task<(bool Killed, bool Held)> KillOneAsync(TestVirtualHost host, EngineHarness harness, IndependentClient client, string queue, bool forced, int untilHeld)
    {
        Dictionary<string, string> environment = forced ? new() { [CrashChild.Forced] = "1" } : [];
        using CrashChild child = await CrashChild.StartAsync(harness.Broker, host.Name, queue, harness.Folder, queue, Path.Combine(harness.Folder, "checkpoints"), resume: false, environment);
        bool held = false;
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); !child.HasEnded && DateTime.UtcNow < deadline && !(held = await client.CountAsync(queue) <= Messages - untilHeld);)
        {
        }

        return (await child.KillAnywayAsync(TimeSpan.FromMilliseconds(Random.Shared.Next(untilHeld == 1 ? 300 : 100))), held);
    }
}
