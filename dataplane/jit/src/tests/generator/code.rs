//! Statements and expressions made at random: what may stand where is decided by [`Around`].

use heddle_ir::{
    BinaryOp, Bits, Block, Callee, CounterId, Decision, DropReason, Expr, HashAlgorithm, HeaderRef,
    HeaderTypeId, Intrinsic, MeterId, MirrorSource, Place, PreserveId, StackId, Stmt, TableId, Ty, UnaryOp,
    Var, VarId,
};

use super::{Around, Generator, Spot, WIDTHS};

impl Generator {
    /// A block of its own budget.
    pub(super) fn some_block(&mut self, place: Spot, budget: u32) -> Block {
        self.budget = budget;
        self.block(Around { place, breaks: false, continues: false, depth: 0 })
    }

    pub(super) fn block(&mut self, around: Around) -> Block {
        let mut block = vec![];
        let wanted = if around.depth == 0 { usize::MAX } else { self.below(4) };
        while self.budget > 0 && block.len() < wanted {
            self.budget -= 1;
            let stmt = self.stmt(around);
            block.push(stmt);
        }
        block
    }

    pub(super) fn inner(&mut self, around: Around) -> Block {
        self.block(Around { depth: around.depth + 1, ..around })
    }

    pub(super) fn header(&mut self) -> HeaderRef {
        if self.chance(10) {
            return HeaderRef::One(self.pick(&self.loose.clone()));
        }
        self.header_of_bytes()
    }

    /// One that can be extracted and emitted.
    fn header_of_bytes(&mut self) -> HeaderRef {
        if self.chance(70) {
            let headers = self.headers.clone();
            HeaderRef::One(self.pick(&headers))
        } else {
            HeaderRef::Element(self.stack(), Box::new(self.index()))
        }
    }

    pub(super) fn stack(&mut self) -> StackId {
        StackId::from_u32(self.below(self.program.stacks.len()) as u32)
    }

    /// An index, mostly one that is there.
    pub(super) fn index(&mut self) -> Expr {
        let width = self.pick(&[8, 32, 64, 100]);
        if self.indices > 0 || self.chance(25) {
            return Expr::Const(Bits::new(width, self.below(5) as u128));
        }
        self.indices += 1;
        let value = self.expr(width, 1);
        self.indices -= 1;
        if self.chance(30) {
            return value;
        }
        Expr::Binary(BinaryOp::And, Box::new(value), Box::new(Expr::Const(Bits::new(width, 3))))
    }

    pub(super) fn type_of(&self, header: &HeaderRef) -> HeaderTypeId {
        let header = match header {
            HeaderRef::One(header) => *header,
            HeaderRef::Element(stack, _) => self.program.stacks[*stack].elements[0],
        };
        self.program.headers[header].ty
    }

    pub(super) fn is_varbit(&self, place: &Place) -> bool {
        matches!(heddle_ir::verify::type_of_place(&self.program, place), Ok(Ty::Varbit(_)))
    }

    pub(super) fn width(&self, place: &Place) -> u32 {
        heddle_ir::verify::type_of_place(&self.program, place).map_or(0, Ty::width)
    }

    pub(super) fn place(&mut self) -> Place {
        if self.chance(55) {
            let vars = self.vars.clone();
            return Place::Var(self.pick(&vars));
        }
        let header = self.header();
        let fields = self.program.header_types[self.type_of(&header)].fields.len();
        Place::Field(header, self.below(fields))
    }

    /// A place of a type, if one is found soon.
    pub(super) fn place_of(&mut self, ty: Ty) -> Option<Place> {
        (0..30).find_map(|_| {
            let place = self.place();
            (heddle_ir::verify::type_of_place(&self.program, &place) == Ok(ty)).then_some(place)
        })
    }

    pub(super) fn var_of(&mut self, width: u32) -> VarId {
        let found: Vec<VarId> =
            self.vars.iter().copied().filter(|var| self.program.vars[*var].ty == Ty::Bits(width)).collect();
        if found.is_empty() || self.chance(10) {
            let ty = Ty::Bits(width);
            let var = self.program.vars.push(Var { name: "v".to_string(), ty });
            self.vars.push(var);
            return var;
        }
        self.pick(&found)
    }

    pub(super) fn fixed_var(&mut self) -> VarId {
        let width = self.pick(&WIDTHS);
        self.var_of(width)
    }

    /// An expression of a width.
    pub(super) fn expr(&mut self, width: u32, depth: u32) -> Expr {
        if depth == 0 || self.chance(25) {
            return match self.below(4) {
                0 => Expr::Const(self.bits(width)),
                1 if width == 32 => Expr::Intrinsic(self.pick(&[
                    Intrinsic::IngressPort,
                    Intrinsic::EgressPort,
                    Intrinsic::PacketLength,
                    Intrinsic::Origin,
                    Intrinsic::ReplicationId,
                    Intrinsic::EnqueueDepth,
                    Intrinsic::DequeueDepth,
                    Intrinsic::QueueId,
                ])),
                1 if width == 64 => Expr::Intrinsic(self.pick(&[
                    Intrinsic::IngressTimeNs,
                    Intrinsic::NowNs,
                    Intrinsic::EnqueueTimeNs,
                ])),
                1 if width == 1 => Expr::Valid(self.header()),
                _ => match self.place_of(Ty::Bits(width)) {
                    Some(place) => Expr::Read(place),
                    None => Expr::Read(Place::Var(self.var_of(width))),
                },
            };
        }
        let depth = depth - 1;
        match self.below(12) {
            0 => {
                let op = self.pick(&[UnaryOp::Not, UnaryOp::Neg]);
                Expr::Unary(op, Box::new(self.expr(width, depth)))
            }
            1..5 => {
                let op = self.pick(&[
                    BinaryOp::Add,
                    BinaryOp::Sub,
                    BinaryOp::Mul,
                    BinaryOp::Div,
                    BinaryOp::Mod,
                    BinaryOp::SatAddU,
                    BinaryOp::SatSubU,
                    BinaryOp::SatAddS,
                    BinaryOp::SatSubS,
                    BinaryOp::And,
                    BinaryOp::Or,
                    BinaryOp::Xor,
                ]);
                Expr::Binary(op, Box::new(self.expr(width, depth)), Box::new(self.expr(width, depth)))
            }
            5 => {
                let op = self.pick(&[BinaryOp::Shl, BinaryOp::Shr, BinaryOp::Sar]);
                let amount = self.pick(&[3, 8, 8, 64, 100, 600]);
                let amount = match self.below(3) {
                    0 => self.expr(amount, depth),
                    _ => Expr::Const(Bits::new(amount, self.below(width as usize + 2) as u128)),
                };
                Expr::Binary(op, Box::new(self.expr(width, depth)), Box::new(amount))
            }
            6 | 7 if width == 1 => self.comparison(depth),
            6 if width > 1 => {
                let low = 1 + self.below(width as usize - 1) as u32;
                let (high, low) = (self.expr(width - low, depth), self.expr(low, depth));
                Expr::Binary(BinaryOp::Concat, Box::new(high), Box::new(low))
            }
            7 | 8 if width > 0 => {
                let low = self.below(80) as u32;
                let of = width + low + self.below(70) as u32;
                Expr::Slice { of: Box::new(self.expr(of, depth)), high: low + width - 1, low }
            }
            9 => {
                let of = self.pick(&WIDTHS);
                Expr::Resize { of: Box::new(self.expr(of, depth)), width, signed: self.chance(50) }
            }
            10 => Expr::Mux {
                cond: Box::new(self.expr(1, depth)),
                then: Box::new(self.expr(width, depth)),
                els: Box::new(self.expr(width, depth)),
            },
            _ => self.expr(width, depth),
        }
    }

    pub(super) fn comparison(&mut self, depth: u32) -> Expr {
        if self.chance(15) {
            let (Some(left), Some(right)) = (self.place_of(Ty::Varbit(64)), self.place_of(Ty::Varbit(64)))
            else {
                return Expr::Const(Bits::bool(true));
            };
            let op = self.pick(&[BinaryOp::Eq, BinaryOp::Ne]);
            return Expr::Binary(op, Box::new(Expr::Read(left)), Box::new(Expr::Read(right)));
        }
        let op = self.pick(&[
            BinaryOp::Eq,
            BinaryOp::Ne,
            BinaryOp::LtU,
            BinaryOp::LeU,
            BinaryOp::LtS,
            BinaryOp::LeS,
        ]);
        let width = self.pick(&WIDTHS);
        Expr::Binary(op, Box::new(self.expr(width, depth)), Box::new(self.expr(width, depth)))
    }

    pub(super) fn stmt(&mut self, around: Around) -> Stmt {
        let shallow = around.depth < 4;
        match self.below(40) {
            0..6 => self.assignment(),
            6 => {
                let dst = self.place();
                let width = self.width(&dst);
                if self.is_varbit(&dst) || width == 0 {
                    return self.assignment();
                }
                let low = self.below(width as usize) as u32;
                let high = low + self.below((width - low) as usize) as u32;
                Stmt::AssignSlice { dst, high, low, value: self.expr(high - low + 1, 2) }
            }
            7 => Stmt::SetValid(self.header()),
            8 => Stmt::SetInvalid(self.header()),
            9 => {
                let dst = self.header();
                let ty = self.type_of(&dst);
                let src = (0..20).find_map(|_| {
                    let src = self.header();
                    (self.type_of(&src) == ty).then_some(src)
                });
                Stmt::CopyHeader { src: src.unwrap_or_else(|| dst.clone()), dst }
            }
            10 => Stmt::PushFront(self.stack(), self.below(4) as u32),
            11 => Stmt::PopFront(self.stack(), self.below(4) as u32),
            12..16 if shallow => {
                Stmt::If { cond: self.expr(1, 3), then: self.inner(around), els: self.inner(around) }
            }
            16 if shallow => {
                let width = self.pick(&[1, 8, 16, 64, 100, 600]);
                let mut labels: Vec<Bits> = vec![];
                let mut cases = vec![];
                for _ in 0..1 + self.below(3) {
                    let mut own = vec![];
                    for _ in 0..1 + self.below(2) {
                        let label = self.bits(width);
                        if !labels.contains(&label) {
                            labels.push(label.clone());
                            own.push(label);
                        }
                    }
                    cases.push((own, self.inner(around)));
                }
                Stmt::Switch { on: self.expr(width, 2), cases, default: self.inner(around) }
            }
            17 | 18 if shallow => {
                let mut body = self.inner(Around { breaks: true, continues: true, ..around });
                if self.chance(85) {
                    // Most loops end before their bound, or few packets would come far.
                    body.push(Stmt::Break);
                }
                let update = self.inner(Around { breaks: true, continues: false, ..around });
                Stmt::Loop { bound: 1 + self.below(4) as u32, body, update }
            }
            19 | 20 if around.breaks => {
                if around.continues && self.chance(40) {
                    Stmt::Continue
                } else {
                    Stmt::Break
                }
            }
            21 => match around.place {
                Spot::CopyIn(_) | Spot::CopyOut(_) => self.assignment(),
                _ if self.chance(30) => Stmt::Return,
                _ => self.assignment(),
            },
            22 => match around.place {
                Spot::CopyIn(_) | Spot::CopyOut(_) | Spot::ParserState => self.assignment(),
                _ if shallow && self.chance(70) => Stmt::Catch(self.inner(around)),
                _ => Stmt::Exit,
            },
            23..27 => self.call(around),
            27 => {
                Stmt::Count { counter: CounterId::from_u32(self.below(2) as u32), index: Some(self.index()) }
            }
            28 => match around.place {
                Spot::Action(Some(table)) | Spot::CopyIn(table) | Spot::CopyOut(Some(table)) => {
                    self.direct(table)
                }
                _ => {
                    let color = self.var_of(8);
                    Stmt::Meter { meter: MeterId::from_u32(0), index: Some(self.index()), color }
                }
            },
            29 => {
                let register = self.below(self.program.registers.len()) as u32;
                let register = heddle_ir::RegisterId::from_u32(register);
                let width = self.program.registers[register].width;
                if self.chance(50) {
                    let dst = self.var_of(width);
                    Stmt::RegisterRead { register, index: self.index(), dst }
                } else {
                    Stmt::RegisterWrite { register, index: self.index(), value: self.expr(width, 2) }
                }
            }
            30 if shallow => Stmt::Atomic(self.inner(around)),
            31 => {
                let algorithm = self.pick(&[
                    HashAlgorithm::Crc32,
                    HashAlgorithm::Crc32Custom,
                    HashAlgorithm::Crc16,
                    HashAlgorithm::Crc16Custom,
                    HashAlgorithm::Random,
                    HashAlgorithm::Identity,
                    HashAlgorithm::Csum16,
                    HashAlgorithm::Csum16,
                    HashAlgorithm::Xor16,
                ]);
                let mut data: Vec<Expr> = vec![];
                for _ in 0..self.below(5) {
                    let width = self.pick(&WIDTHS);
                    let value = self.expr(width, 1);
                    data.push(value);
                }
                if self.chance(20)
                    && let Some(varbit) = self.place_of(Ty::Varbit(64))
                {
                    let at = self.below(data.len() + 1);
                    data.insert(at, Expr::Read(varbit));
                }
                Stmt::Hash { algorithm, dst: self.fixed_var(), data, payload: self.chance(30) }
            }
            32 => {
                let dst = self.fixed_var();
                let width = self.program.vars[dst].ty.width();
                Stmt::Random { dst, low: self.expr(width, 1), high: self.expr(width, 1) }
            }
            33 => {
                let digest = heddle_ir::DigestId::from_u32(0);
                let values = [1, 16, 130].map(|width| self.expr(width, 1)).to_vec();
                Stmt::Digest { digest, values }
            }
            34 => Stmt::Log { format: "{}".to_string(), args: vec![self.expr(8, 1)] },
            35 if self.chance(20) => Stmt::Assert { cond: self.expr(1, 2), message: "m".to_string() },
            36 => Stmt::Truncate(self.expr(32, 1)),
            37 if !self.passes || self.chance(30) => Stmt::Mirror {
                session: self.expr(32, 1),
                source: self.pick(&[MirrorSource::Received, MirrorSource::Live]),
                preserve: self.preserve(),
            },
            38 => Stmt::Decide(self.decision(around.place)),
            _ => self.of_place(around),
        }
    }

    pub(super) fn preserve(&mut self) -> PreserveId {
        PreserveId::from_u32(self.below(2) as u32)
    }

    pub(super) fn direct(&mut self, table: TableId) -> Stmt {
        let declared = &self.program.tables[table];
        match (declared.direct_counter, declared.direct_meter) {
            (Some(counter), _) if self.chance(50) => Stmt::Count { counter, index: None },
            (_, Some(meter)) => {
                let color = self.var_of(8);
                Stmt::Meter { meter, index: None, color }
            }
            _ => self.assignment(),
        }
    }

    /// What can be done in few places only.
    pub(super) fn of_place(&mut self, around: Around) -> Stmt {
        match around.place {
            Spot::Ingress | Spot::Egress => Stmt::Emit(self.header_of_bytes()),
            Spot::ParserState => match self.below(8) {
                0 => Stmt::Lookahead(self.fixed_var()),
                1 => {
                    let bits = self.expr(32, 1);
                    let bits = if self.chance(70) {
                        let mask = Expr::Const(Bits::new(32, 0x38));
                        Expr::Binary(BinaryOp::And, Box::new(bits), Box::new(mask))
                    } else {
                        bits
                    };
                    Stmt::Advance(bits)
                }
                2 => Stmt::Verify { cond: self.expr(1, 2), error: self.expr(32, 1) },
                _ => {
                    let header = self.header_of_bytes();
                    let has_varbit =
                        self.program.header_types[self.type_of(&header)].varbit_field().is_some();
                    let varbit_bits = has_varbit.then(|| {
                        let bits = self.expr(32, 1);
                        if self.chance(80) {
                            let mask = Expr::Const(Bits::new(32, 0x78));
                            Expr::Binary(BinaryOp::And, Box::new(bits), Box::new(mask))
                        } else {
                            bits
                        }
                    });
                    Stmt::Extract { header, varbit_bits }
                }
            },
            Spot::Action(Some(table)) | Spot::CopyIn(table) | Spot::CopyOut(Some(table)) => {
                self.direct(table)
            }
            Spot::Action(None) | Spot::Leaf | Spot::CopyOut(None) => self.assignment(),
        }
    }

    pub(super) fn assignment(&mut self) -> Stmt {
        let dst = self.place();
        let width = self.width(&dst);
        if self.is_varbit(&dst) {
            let src = self.place_of(Ty::Varbit(width)).unwrap_or_else(|| dst.clone());
            return Stmt::Assign(dst, Expr::Read(src));
        }
        Stmt::Assign(dst, self.expr(width, 3))
    }

    pub(super) fn call(&mut self, around: Around) -> Stmt {
        let copy_out = |generator: &mut Self| {
            if generator.chance(30) {
                let around = Around {
                    place: Spot::CopyOut(None),
                    breaks: false,
                    continues: false,
                    depth: around.depth + 1,
                };
                generator.block(around)
            } else {
                vec![]
            }
        };
        let (leaves, callable) = (self.leaves.clone(), self.callable.clone());
        let (tables, parsers, bodies) =
            (self.tables.clone(), self.parsers.clone(), self.parser_bodies.clone());
        match around.place {
            Spot::Ingress | Spot::Egress => match self.below(5) {
                0 | 1 if !tables.is_empty() => {
                    let hit = self.chance(50).then(|| self.var_of(1));
                    let action_run = self.chance(50).then(|| self.var_of(32));
                    Stmt::Apply { table: self.pick(&tables), hit, action_run }
                }
                2 if !callable.is_empty() => {
                    let callee = Callee::Action(self.pick(&callable));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                3 | 4 if !parsers.is_empty() => {
                    let callee = Callee::Parser(self.pick(&parsers));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                _ => {
                    let callee = Callee::Body(self.pick(&leaves));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
            },
            Spot::ParserState => match self.below(2) {
                0 if !parsers.is_empty() => {
                    let callee = Callee::Parser(self.pick(&parsers));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                _ if !bodies.is_empty() => {
                    let callee = Callee::Body(self.pick(&bodies));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                _ => self.assignment(),
            },
            Spot::Leaf | Spot::Action(_) | Spot::CopyIn(_) if !leaves.is_empty() => {
                let callee = Callee::Body(self.pick(&leaves));
                Stmt::Call { callee, copy_out: copy_out(self) }
            }
            Spot::Leaf | Spot::Action(_) | Spot::CopyIn(_) | Spot::CopyOut(_) => self.assignment(),
        }
    }

    pub(super) fn decision(&mut self, place: Spot) -> Decision {
        let drop = Decision::Drop(DropReason::IngressDrop);
        match (place, self.below(8)) {
            (Spot::Ingress, 0..5) => Decision::Enqueue { port: self.expr(32, 1), queue: self.expr(32, 1) },
            (Spot::Ingress, 5) => Decision::Replicate { group: self.expr(32, 1), queue: self.expr(32, 1) },
            (Spot::Ingress, 6) => Decision::Resubmit(self.preserve()),
            (Spot::Egress, 0..6) => Decision::Transmit,
            (Spot::Egress, _) if self.passes => Decision::Drop(DropReason::EgressDrop),
            (Spot::Egress, 6) => Decision::Recirculate(self.preserve()),
            (_, _) => drop,
        }
    }
}
