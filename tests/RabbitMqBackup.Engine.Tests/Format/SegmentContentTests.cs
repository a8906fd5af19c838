using RabbitMqBackup.Engine.Format;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Format;

public class SegmentContentTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_object_can_be_read_in_pieces_from_anywhere_and_more_than_once()
    {
        using SegmentContent content = Content(out byte[] expected);
        await using Stream first = content.OpenRead();
        await using Stream second = content.OpenRead();
        Assert.True(first.CanSeek);
        Assert.False(first.CanWrite);
        Assert.Equal(expected.Length, first.Length);

        byte[] half = new byte[300_000];
        first.ReadExactly(half);
        Assert.Equal(expected[..300_000], half);

        MemoryStream copy = new();
        await second.CopyToAsync(copy, Cancel);
        Assert.Equal(expected, copy.ToArray());
        Assert.Equal(0, await second.ReadAsync(new byte[1], Cancel));

        Assert.Equal(expected.Length - 10, second.Seek(-10, SeekOrigin.End));
        byte[] tail = new byte[10];
        await second.ReadExactlyAsync(tail, Cancel);
        Assert.Equal(expected[^10..], tail);

        first.Position = 0;
        copy.SetLength(0);
        await first.CopyToAsync(copy, Cancel);
        Assert.Equal(expected, copy.ToArray());
    }

    [Fact]
    public async Task A_cancelled_read_gives_nothing()
    {
        using SegmentContent content = Content(out _);
        await using Stream stream = content.OpenRead();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.ReadExactlyAsync(new byte[1], new CancellationToken(canceled: true)).AsTask());
    }

    [Fact]
    public void After_disposal_nothing_can_be_read()
    {
        SegmentContent content = Content(out _);
        Stream stream = content.OpenRead();
        content.Dispose();

        Assert.Throws<ObjectDisposedException>(() => stream.ReadByte());
    }

    private static SegmentContent Content(out byte[] expected)
    {
        using SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = new BlockPool(), Compression = SegmentCompression.None });
        byte[] body = new byte[600_000];
        new Random(5).NextBytes(body);
        TestRecord.Message([], [], [0, 0], body).AppendTo(writer);
        SegmentContent content = writer.Finish();
        expected = TestSegment.Bytes(content);
        return content;
    }
}
