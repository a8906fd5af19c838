using RabbitMqBackup.Engine.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

public sealed class StreamTailTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10", 5, 3_500)]
    [InlineData("4.3", 5, 3_500)]
    [InlineData("4.3", 0, 1_500)]
    [InlineData("4.3", 5, 0)]
    [InlineData("4.3", 0, 0)]
    public async Task The_tail_is_found_however_long_it_is(string generation, int others, int meant)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using (StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled))
        {
            for (int number = 0; number < others + meant; number++)
            {
                byte[] body = number < others ? new byte[100] : BitConverter.GetBytes(number);
                await ChunkReaderTests.AddAsync(publisher, (ulong)number + 1, TestEntries.Plain(TestEntries.Data(body)));
            }

            await publisher.CompleteAsync(Cancelled);
        }

        Queue<int> tail = await StreamTail.ReadAsync(connection, "s", length => length < 50, message => BitConverter.ToInt32(message.AsSpan(8)), Cancelled);

        Assert.Equal(Enumerable.Range(others, meant), tail);
    }
}
