using System.Net;
using System.Net.Sockets;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>The signals that a process gets from people and systems while it makes a backup.</summary>
public sealed class SignalTests : BrokerTest
{
    private const int Messages = 20_000;

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task The_end_of_the_process_leaves_every_message_and_a_backup_that_is_resumed(string type)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "SIGTERM");
        await FillAsync("orders", Messages, type, bytes: 500);
        using (SessionProcess session = await SessionProcess.StartAsync(Script(VirtualHost.AmqpUri, "-MaxMessagesPerSecond 4000")))
        {
            session.Signal("TERM");
            Assert.True(await session.EndsWithinAsync(TimeSpan.FromSeconds(60)));
        }

        Assert.Empty(Manifests);
        Assert.NotEmpty(Directory.GetFiles(Store, "segment-*", SearchOption.AllDirectories));
        object backup = Assert.Single(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -BackupId job -Resume"));
        Assert.Equal(("Complete", (long)Messages), ($"{Value(backup, "Status")}", Value(backup, "TotalMessages")));
        await AssertAllBackAsync();
    }

    [Fact]
    public async Task A_second_interrupt_does_not_wait_for_a_broker_that_does_not_answer()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "SIGINT");
        Assert.SkipWhen(IgnoresInterrupts, "These tests run in the background of a shell, or under nohup: there a process and its children ignore SIGINT.");
        await FillAsync("orders", Messages, "quorum", bytes: 500);
        using (Relay relay = new(VirtualHost.AmqpUri.Port))
        {
            using SessionProcess session = await SessionProcess.StartAsync(Script(new UriBuilder(VirtualHost.AmqpUri) { Host = "127.0.0.1", Port = relay.Port }.Uri, "-MaxMessagesPerSecond 4000"));
            relay.Freeze();
            session.Signal("INT");

            // For a quorum queue's order the first waits for what is on its way, up to a minute.
            Assert.False(await session.EndsWithinAsync(TimeSpan.FromSeconds(3)), "The first interrupt did not wait for the messages to go back.");
            session.Signal("INT");
            Assert.True(await session.EndsWithinAsync(TimeSpan.FromSeconds(30)), "The second interrupt waited.");
        }

        Assert.Empty(Manifests);
        await AssertAllBackAsync();
    }

    /// <summary>What this process has inherited, and its children will; Linux only.</summary>
    private static bool IgnoresInterrupts => File.Exists("/proc/self/status")
        && (Convert.ToUInt64(File.ReadLines("/proc/self/status").Single(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))[7..].Trim(), 16) & 2) != 0;

    /// <summary>A broker takes back what a connection held some time after its end.</summary>
    private async Task AssertAllBackAsync()
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await DepthAsync("orders") < Messages && DateTime.UtcNow < deadline; await Task.Delay(50, Cancellation))
        {
        }

        Assert.Equal(Filled("orders", Messages), await TakeAllAsync("orders"));
    }

    private string Script(Uri broker, string options) =>
        $"Backup-RabbitMq '{Store}' -Connection (New-RabbitConnection '{broker.AbsoluteUri}' -ManagementUri '{Broker.ManagementUri}') -BackupId job -SegmentBytes 64KB -PassSegment -SkipDefinitions -CheckpointPath '{Folder}/checkpoints' {options}";

    /// <summary>Stands between a client and the broker, until it is frozen: then it holds everything back.</summary>
    private sealed class Relay : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly List<TcpClient> _clients = [];
        private readonly int _target;
        private volatile bool _isFrozen;

        internal Relay(int target)
        {
            _target = target;
            _listener.Start();
            _ = AcceptAsync();
        }

        internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        internal void Freeze() => _isFrozen = true;

        public void Dispose()
        {
            _listener.Stop();
            TcpClient[] clients;
            lock (_clients)
            {
                clients = [.. _clients];
            }

            Array.ForEach(clients, client => client.Dispose());
        }

        private async Task AcceptAsync()
        {
            while (true)
            {
                TcpClient near, far = new();
                try
                {
                    near = await _listener.AcceptTcpClientAsync();
                    await far.ConnectAsync(IPAddress.Loopback, _target);
                }
                catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
                {
                    return;
                }

                lock (_clients)
                {
                    _clients.AddRange([near, far]);
                }

                _ = CopyAsync(near.GetStream(), far.GetStream());
                _ = CopyAsync(far.GetStream(), near.GetStream());
            }
        }

        private async Task CopyAsync(NetworkStream from, NetworkStream to)
        {
            byte[] buffer = new byte[64 << 10];
            try
            {
                while (await from.ReadAsync(buffer) is > 0 and int count && !_isFrozen)
                {
                    await to.WriteAsync(buffer.AsMemory(0, count));
                }
            }
            catch (Exception ended) when (ended is IOException or ObjectDisposedException)
            {
                // The test is over, or one side has hung up.
            }
        }
    }
}
