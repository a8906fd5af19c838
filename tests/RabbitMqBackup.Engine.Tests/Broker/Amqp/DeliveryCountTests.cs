using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

public class DeliveryCountTests
{
    [Theory]
    [InlineData("b", new byte[] { 5 }, 5)]
    [InlineData("b", new byte[] { 0xFF }, -1)]
    [InlineData("B", new byte[] { 200 }, 200)]
    [InlineData("s", new byte[] { 1, 0 }, 256)]
    [InlineData("u", new byte[] { 0xFF, 0xFF }, 65535)]
    [InlineData("I", new byte[] { 0, 0, 1, 0 }, 256)]
    [InlineData("i", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }, 4294967295)]
    [InlineData("l", new byte[] { 0, 0, 0, 0, 0, 0, 0, 20 }, 20)]
    public void Every_integer_type_is_read(string type, byte[] value, long expected)
    {
        Assert.Equal(expected, DeliveryCount.Find(List([.. Wire.Short("x-delivery-count"), (byte)type[0], .. value])));
    }

    [Fact]
    public void It_is_found_behind_fields_of_every_type()
    {
        byte[] fields =
        [
            .. Field("a", 't', 1), .. Field("b", 'b', 1), .. Field("c", 'B', 1), .. Field("d", 's', 1, 2), .. Field("e", 'u', 1, 2), .. Field("f", 'I', 1, 2, 3, 4),
            .. Field("g", 'i', 1, 2, 3, 4), .. Field("h", 'l', 1, 2, 3, 4, 5, 6, 7, 8), .. Field("i", 'f', 1, 2, 3, 4), .. Field("j", 'd', 1, 2, 3, 4, 5, 6, 7, 8),
            .. Field("k", 'D', 1, 2, 3, 4, 5), .. Field("l", 'S', 0, 0, 0, 1, 65), .. Field("m", 'x', 0, 0, 0, 0), .. Field("n", 'A', 0, 0, 0, 2, (byte)'V', (byte)'V'),
            .. Field("o", 'F', 0, 0, 0, 3, 1, 65, (byte)'V'), .. Field("p", 'T', 1, 2, 3, 4, 5, 6, 7, 8), .. Field("q", 'V'), .. Field("x-delivery-count", 'l', 0, 0, 0, 0, 0, 0, 0, 3),
        ];
        Assert.Equal(3, DeliveryCount.Find(List(fields)));
    }

    [Fact]
    public void A_table_inside_another_is_not_looked_into()
    {
        byte[] inner = Field("x-delivery-count", 'B', 9);
        Assert.Null(DeliveryCount.Find(List(Field("nested", 'F', [.. Wire.U32((uint)inner.Length), .. inner]))));
    }

    [Fact]
    public void Properties_before_the_headers_are_stepped_over()
    {
        byte[] table = Field("x-delivery-count", 'B', 4);
        byte[] list = [0b1111_0000, 0, .. Wire.Short("text/plain"), .. Wire.Short("gzip"), .. Wire.U32((uint)table.Length), .. table, 2];
        Assert.Equal(4, DeliveryCount.Find(list));
    }

    [Fact]
    public void A_further_flags_word_is_stepped_over()
    {
        byte[] table = Field("x-delivery-count", 'B', 4);
        Assert.Equal(4, DeliveryCount.Find([0b0010_0000, 1, 0, 0, .. Wire.U32((uint)table.Length), .. table]));
    }

    [Fact]
    public void Without_headers_or_without_the_field_there_is_none()
    {
        Assert.Null(DeliveryCount.Find([0, 0]));
        Assert.Null(DeliveryCount.Find(List([])));
        Assert.Null(DeliveryCount.Find(List(Field("x-delivery-counter", 'B', 4))));
        Assert.Null(DeliveryCount.Find(List(Field("x-delivery-count", 'S', 0, 0, 0, 1, 65))));
    }

    [Fact]
    public void Whatever_is_cut_off_or_random_gives_none_and_never_throws()
    {
        byte[] list = List([.. Field("a", 'S', 0, 0, 0, 2, 65, 66), .. Field("x-delivery-count", 'l', 0, 0, 0, 0, 0, 0, 0, 3)]);
        for (int length = 0; length < list.Length; length++)
        {
            Assert.Null(DeliveryCount.Find(list.AsSpan(0, length)));
        }

        Prop.ForAll<byte[]>(bytes => { _ = DeliveryCount.Find([0xE0, 0, .. bytes]); }).QuickCheckThrowOnFailure();
    }

    private static byte[] Field(string name, char type, params byte[] value) => [.. Wire.Short(name), (byte)type, .. value];

    private static byte[] List(byte[] fields) => [0b0010_0000, 0, .. Wire.U32((uint)fields.Length), .. fields];
}
