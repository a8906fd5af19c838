using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>Walks the instructions of a method body (ECMA-335, partition III).</summary>
internal static class IlOperands
{
    private const byte TwoBytePrefix = 0xFE;

    private static readonly Dictionary<int, OperandType> OperandTypes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => (int)(ushort)code.Value, code => code.OperandType);

    /// <summary>The metadata tokens that the instructions name: types, methods, fields, signatures.</summary>
    internal static IReadOnlyList<EntityHandle> Read(BlobReader il)
    {
        List<EntityHandle> handles = [];
        while (il.RemainingBytes > 0)
        {
            int code = il.ReadByte();
            if (code == TwoBytePrefix)
            {
                code = (TwoBytePrefix << 8) | il.ReadByte();
            }

            switch (OperandTypes[code])
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineSig or OperandType.InlineTok or OperandType.InlineType:
                    handles.Add(MetadataTokens.EntityHandle(il.ReadInt32()));
                    break;
                case OperandType.InlineSwitch:
                    int targets = il.ReadInt32();
                    il.Offset += targets * sizeof(int);
                    break;
                default:
                    il.Offset += Size(OperandTypes[code]);
                    break;
            }
        }

        return handles;
    }

    private static int Size(OperandType type) => type switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineBrTarget or OperandType.InlineI or OperandType.InlineString or OperandType.ShortInlineR => 4,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        _ => throw new NotSupportedException($"Operand type {type}."),
    };
}
